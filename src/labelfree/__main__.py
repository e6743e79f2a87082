"""`python -m labelfree`: the same program as `labelfree`."""

from labelfree.cli import main

if __name__ == "__main__":
    main()
