"""The file of a history: JSON Lines, read whole, replaced whole, by one writer at a time.

A reader needs no lock: it sees the file before a change or after it. A writer that is killed, at any moment, leaves
the file as it was. A file that is torn all the same (a copy that was cut) is refused and never written to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from labelfree.catalog import known_command
from labelfree.documents.files import locked, read_text, rewritten, there
from labelfree.documents.reading import parsed
from labelfree.documents.stores.names import is_remote
from labelfree.documents.wording import steps
from labelfree.errors import HistoryError, OutputError, SourceError, in_short, option
from labelfree.history.records import Record, alike, checked_run, contradictions, key, misfits, named, same, unlike
from labelfree.history.records import validated as checked_record


def stored(path: str | Path) -> list[Record]:
    """The records of a file in its order; a HistoryError where one is torn or of a later schema."""
    path = Path(path)
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise HistoryError(
            f"{path}: no such history; {option('append', path, python='labelfree.history.append')} begins one"
        ) from None
    except UnicodeDecodeError:
        raise HistoryError(f"{path}: expected a history (JSON Lines), found bytes that are no text") from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read ({error.strerror or error})") from None
    except SourceError as error:
        raise HistoryError(str(error)) from None
    lines = text.split("\n")
    try:
        return _distinct([_line(line, f"{path}, line {i}") for i, line in enumerate(lines, 1) if line.strip()], path)
    except HistoryError:
        if what := _of_another_kind(text, path):
            raise HistoryError(f"{path}: expected a history (JSON Lines), found {what}") from None
        raise


def exists(path: str | Path) -> bool:
    """Whether there is a history yet; a HistoryError where there can be none."""
    return there(writable(path))


def _of_another_kind(text: str, path: Path) -> str | None:
    """What a file is that begins with another document of ours than a record, and the way out; else None."""
    try:
        first, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(first, dict) or "step" in first:
        return None
    if (known := known_command(first.get("command"))) is not None and known.document == "verdict":
        return "the verdict of a gate; name the history that it judged"
    if "input" in first or "reports" in first:
        added_by = f"labelfree history add HISTORY {path}"
        return f"a report; {added_by} puts it into one, and a gate takes it without {option('history')}"
    return None


def _line(line: str, where: str) -> Record:
    try:
        found = parsed(line)
    except json.JSONDecodeError:
        shown = line if len(line) <= 40 else f"{line[:20]}...{line[-12:]}"
        raise HistoryError(
            f"{where}: expected one record, found a torn line ({shown!r}); nothing was changed: restore the file, or "
            "remove that line by hand and measure that step again"
        ) from None
    except ValueError as error:
        raise HistoryError(
            f"{where}: expected one record, found a line that is no JSON ({error}); nothing was changed: write null "
            "for what is undefined, or remove that line by hand and measure that step again"
        ) from None
    return checked_record(found, where)


def _distinct(records: list[Record], path: Path) -> list[Record]:
    """The records without exact repetitions; two different ones of one name are an error."""
    kept: dict[tuple[str, int, str], Record] = {}
    for record in records:
        if not same(kept.setdefault(key(record), record), record):
            raise HistoryError(
                f"{path}: expected one record of {named(record)}, found two that differ; remove one of the two lines"
            )
    return list(kept.values())


def added(path: str | Path, new: Sequence[Record], *, replace: bool = False) -> int:
    """Add records to a file, all of them or none; returns how many changed it.

    The same record again (see `same`) changes nothing. Refused unless `replace`: another record of the same run,
    step and command, which it then replaces; and a record of another command at that step that gives another value
    of a metric, which it then removes. A record that cannot be compared with its run is refused always.
    """
    path = writable(path)
    for record in new:
        _check_readable(record, path)
    with locked(path):
        records = stored(path) if there(path) else []
        changed: list[Record] = []
        for record in new:
            found = _with(records, record, path, replace=replace, staying=changed)
            if found is not records:
                records = found
                changed.append(record)
        if changed:
            rewritten(path, _text(records))
    return len(changed)


def _with(
    records: list[Record], record: Record, path: Path, *, replace: bool, staying: Sequence[Record]
) -> list[Record]:
    """The records with one more in its place; those very records where it is there already.

    staying: records of the same call, which even `replace` does not remove.
    """
    index = next((i for i, r in enumerate(records) if key(r) == key(record)), len(records))
    there = index < len(records)
    rivals = [r for r in records if key(r)[:2] == key(record)[:2] and key(r) != key(record)]
    rivals = [r for r in rivals if contradictions(r, record)]
    leaving = [r for r in rivals if replace and r not in staying]
    if there and same(records[index], record) and not leaving:
        return records
    if there and not same(records[index], record) and not replace:
        raise HistoryError(
            f"{path}: {named(record)} is there already and differs ({_differing(records[index], record)}); "
            f"name another {option('step')} or {option('run')}, or {option('replace')} it"
        )
    _check_fit(record, [r for i, r in enumerate(records) if i != index and r not in leaving], path)
    for rival in rivals:
        if rival not in leaving:
            metric, a, b = contradictions(rival, record)[0]
            raise HistoryError(
                f"{path}: {named(record)} contradicts {rival['command']} of that step: {metric} is {_value(a)} there "
                f"({rival['source']}), {_value(b)} here ({record['source']}); name another {option('step')} or "
                + option("run")
                + (f", or {option('replace')} what is there" if not replace else "")
            )
    return [r for r in (*records[:index], record, *records[index + 1 :]) if r not in leaving]


def _value(value: float | None) -> str:
    return "undefined" if value is None else str(value)


def removed(path: str | Path, *, run: str, step: int | None = None, command: str | None = None) -> int:
    """Remove a run, or those of its records that step and command name; returns how many."""
    checked_run(run)
    path = writable(path)
    if not there(path):
        stored(path)
    with locked(path):
        records = stored(path)
        kept = [
            r for r in records
            if r["run"] != run or (step is not None and r["step"] != step) or (command and r["command"] != command)
        ]  # fmt: skip
        if len(kept) == len(records):
            wanted = (
                f"run {run!r}" + (f", step {step}" if step is not None else "") + (f", {command}" if command else "")
            )
            raise HistoryError(f"{path}: expected records of {wanted}, found none; it holds {contents(records)}")
        rewritten(path, _text(kept))
    return len(records) - len(kept)


def forgotten(path: str | Path, *, run: str, after: int) -> int:
    """Remove the records of a run after a step, if there are any; returns how many."""
    path = writable(path)
    with locked(path):
        records = stored(path)
        kept = [r for r in records if r["run"] != run or r["step"] <= after]
        if len(kept) < len(records):
            rewritten(path, _text(kept))
    return len(records) - len(kept)


def contents(records: Iterable[Record]) -> str:
    """What a history holds, in a line."""
    held: dict[str, list[int]] = {}
    for record in records:
        held.setdefault(record["run"], []).append(record["step"])
    told = [f"run {run!r} ({steps(min(s), max(s))})" for run, s in held.items()]
    return ", ".join(told[:5]) + (f" and {len(told) - 5} more" if len(told) > 5 else "") if told else "no record"


def writable(path: str | Path) -> Path:
    """The file itself, so that a link to a history stays a link; a HistoryError where there can be none."""
    path = Path(path)
    if is_remote(path):
        from labelfree.documents.stores.writing import check_replaceable

        try:
            check_replaceable(path)
        except OutputError as error:
            raise HistoryError(str(error)) from None
        return path
    if not path.parent.is_dir():
        raise HistoryError(f"{path}: the directory {path.parent} does not exist; make it first")
    if path.is_dir():
        raise HistoryError(f"{path}: is a directory; name a file in it, such as {path / 'history.jsonl'}")
    return path.resolve() if path.is_symlink() else path


def _differing(one: Record, other: Record) -> str:
    """The first difference of two records that are not the same, down to the number."""
    name = unlike(one, other)[0]
    a, b = one.get(name), other.get(name)
    while isinstance(a, dict) and isinstance(b, dict):
        inner = next(k for k in sorted({*a, *b} - {"reason"}) if not alike(a.get(k), b.get(k)))
        name, a, b = f"{name}.{inner}", a.get(inner), b.get(inner)
    return f"{name}: {a} there, {b} here"


def _check_fit(record: Record, others: Sequence[Record], path: Path) -> None:
    """Refuse a record that cannot be compared with its run, with every difference named."""
    met: set[str] = set()
    for earlier in (r for r in others if r["run"] == record["run"]):
        if set(record["metrics"]) <= met:
            break
        met |= set(earlier["metrics"])
        if found := misfits(record, earlier):
            raise HistoryError(
                f"{path}: {named(record)} cannot be compared with step {earlier['step']} of that run: "
                f"{'; '.join(found)}; measure the same rows in the same way, or begin another run with {option('run')}"
            )


def _check_readable(record: Record, path: Path) -> None:
    """Refuse a record that no command could read back."""
    try:
        _line(_text([record]), named(record))
    except (ValueError, HistoryError, RecursionError) as error:
        raise HistoryError(
            f"{path}: expected a record that can be read back, found one that cannot ({in_short(error)}); nothing was "
            "changed: measure again, and give numbers of at most 20 digits and texts in Unicode"
        ) from None


def _text(records: Iterable[Record]) -> str:
    return "".join(json.dumps(r, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n" for r in records)
