"""The command line: parse, call the library, print. The only place that imports typer or catches errors."""

from labelfree.cli.interrupting import leaving

with leaving():
    from labelfree.documents.origin import changed_files, check_origin, refuse_files

    check_origin(program=True)
    try:
        from labelfree.cli.main import main
    except ImportError:
        if what := changed_files():
            refuse_files(what, program=True)
        raise

__all__ = ["main"]
