"""The command line: parse, call the library, print. The only place that imports typer or catches errors."""

from labelfree.cli.interrupting import leaving

with leaving():
    from labelfree.cli.main import main

__all__ = ["main"]
