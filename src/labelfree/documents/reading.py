"""JSON documents in the one form that all of labelfree writes, and the reading of them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelfree.catalog import known_command
from labelfree.documents.files import read_stdin, read_text
from labelfree.documents.forms import REPORT, REPORTED, SAMPLED, WEIGHTS_REPORT, misfit
from labelfree.errors import SourceError, option

SCHEMA_VERSION = 1
"""The version of verdicts, plans and records that this code writes, and the latest of them that it reads."""
REPORT_VERSION = 2
"""The version of reports, and of documents of them, that this code writes; 1 is read as well."""

MOST_DIGITS = 20
"""Digits of a whole number in a document, the sign among them: one of more is refused when it is read."""

MOST_DEPTH = 100
"""Objects and lists inside one another in a document."""

DIGITS = 12
"""Significant digits of a number in JSON: what lies beyond depends on the kind of processor."""


def as_json(document: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """A document as JSON: sorted keys, 12 significant digits, no NaN or infinity, and escapes for what is no text."""
    text = json.dumps(rounded(document), sort_keys=True, allow_nan=False, indent=indent, ensure_ascii=False)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def rounded(value: Any) -> Any:
    """The value with every number at 12 significant digits, and zero without a sign."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") + 0.0
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def parsed(text: str, *, unique: bool = False) -> Any:
    """JSON without the numbers that JSON does not have; raises ValueError where the text is none.

    Refused as well: numbers beyond the range of a float, and nesting that no document needs; with unique, objects that
    give a key twice, which two readers may read in two ways.
    """
    try:
        found = json.loads(
            text, parse_constant=_refused, parse_float=_float, parse_int=_whole,
            object_pairs_hook=_distinct if unique else None,
        )  # fmt: skip
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _check_depth(found)
    return found


def _check_depth(found: Any) -> None:
    """Refuse what is nested deeper than functions that call themselves can follow."""
    level, depth = [found], 0
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError("it is nested too deep")
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number in JSON")


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text[:40])


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found


def report_documents(path: str) -> list[dict[str, Any]]:
    """The reports of a file as plain documents: `{"reports": [...]}`, one report or one a line; "-" reads stdin."""
    where = "standard input" if path == "-" else path
    text = _text(path, where)
    if not text.strip():
        hint = "; did the command before the pipe fail?" if path == "-" else ""
        raise SourceError(f"{where}: expected a report, found nothing{hint}")
    try:
        documents = [parsed(text)]
    except ValueError as whole:
        try:
            documents = [parsed(line) for line in text.split("\n") if line.strip()]
        except ValueError:
            raise SourceError(
                f"{where}: expected a report as JSON, or one a line, found text that is neither ({whole}); "
                "labelfree rank SOURCE -o report.json writes one"
            ) from None
    return [report for document in documents for report in reports_in(document, where)]


def reports_in(document: Any, where: str) -> list[dict[str, Any]]:
    """The reports that a document is or holds: a list, of one for a single report."""
    if isinstance(document, dict) and isinstance(document.get("reports"), list):
        _check_version(document, where)
        if not document["reports"] or document.get("schema_version", 1) not in (1, REPORT_VERSION):
            wrong = "the schema version" if document["reports"] else "its list of reports is empty"
            raise SourceError(f"{where}: expected a document of reports, found JSON that is none ({wrong})")
        return [report_document(report, where) for report in document["reports"]]
    return [report_document(document, where)]


def one_report_in(document: Any, where: str) -> dict[str, Any]:
    """The report that a document is, or the only one that it holds."""
    found = reports_in(document, where)
    if len(found) != 1:
        raise SourceError(f"{where}: expected one report, found a document of {len(found)}; give them one by one")
    return found[0]


def _check_version(document: Mapping[str, Any], where: str) -> None:
    version = document.get("schema_version")
    if isinstance(version, int) and version > REPORT_VERSION:
        raise SourceError(
            f"{where}: a report of schema version {version}, which a later labelfree wrote; this one reads up to "
            f"{REPORT_VERSION}: upgrade it"
        )


def _text(path: str, where: str) -> str:
    try:
        return read_stdin() if path == "-" else read_text(Path(path), piped=True)
    except FileNotFoundError:
        raise SourceError(f"{where}: no such file; labelfree rank SOURCE -o {path} writes a report") from None
    except UnicodeDecodeError:
        raise SourceError(
            f"{where}: expected a report as JSON, found bytes that are no text; reports come from labelfree rank "
            "SOURCE -o report.json"
        ) from None
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror or error})") from None


def report_document(document: Any, where: str) -> dict[str, Any]:
    """A report as a plain document, or a SourceError that says why it is none."""
    if not isinstance(document, dict):
        raise SourceError(f"{where}: expected a report, found JSON of another kind ({type(document).__name__})")
    if "run" in document and "step" in document:
        raise SourceError(
            f"{where}: expected a report, found a record of a history; name that file with {option('history')}"
        )
    _check_version(document, where)
    version = document.get("schema_version")
    known = known_command(document.get("command"))
    if known is not None and known.document == "verdict":
        raise SourceError(f"{where}: expected a report, found the verdict of a gate; name the reports that it judged")
    metrics = document.get("metrics")
    form = WEIGHTS_REPORT if known is not None and known.document == "weights" else REPORT
    wrong = "the schema version" if version not in (1, REPORT_VERSION) else misfit(document, form)
    if not wrong and document["input"].get("sample") is not None:
        wrong = misfit(document["input"]["sample"], SAMPLED, "input.sample")
    if not wrong and not isinstance(metrics, dict):
        wrong = "metrics"
    for name, entry in (metrics or {}).items() if not wrong else ():
        wrong = wrong or misfit(entry, REPORTED, f"metrics.{name}")
    if wrong:
        raise SourceError(
            f"{where}: expected a report of labelfree (schema version, input, metrics), found JSON that lacks some "
            f"of it ({wrong}); labelfree schema prints the form"
        )
    return document
