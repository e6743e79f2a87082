"""The page of files that labelfree wrote: reports, choices, comparisons, verdicts, histories, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from labelfree.catalog import known_command
from labelfree.documents.files import read_stdin, read_text
from labelfree.documents.reading import parsed, reports_in
from labelfree.documents.wording import some
from labelfree.errors import LabelfreeError, SourceError, option
from labelfree.gating.curves import curves
from labelfree.history import read
from labelfree.history.records import Record
from labelfree.render.pages.choices import choice_section
from labelfree.render.pages.comparisons import comparison_section
from labelfree.render.pages.page import Section, page
from labelfree.render.pages.rows import reports_section
from labelfree.render.pages.runs import history_section, verdict_section
from labelfree.render.pages.weights import weights_section
from labelfree.reports.compare import CompareReport
from labelfree.reports.gate import GateReport
from labelfree.reports.rows import RowsReport
from labelfree.reports.select import SelectReport
from labelfree.reports.weights import WeightsReport

_Model = TypeVar("_Model", bound=BaseModel)
_ALONE: Mapping[str, Callable[[Any, str, bool], Section]] = {
    "choice": lambda given, where, everything: choice_section(
        validated(SelectReport, given, where), everything=everything
    ),
    "comparison": lambda given, where, everything: comparison_section(
        validated(CompareReport, given, where), everything=everything
    ),
    "verdict": lambda given, where, _: verdict_section(_checked(GateReport, given, where)),
}
"""Documents that are a section each, by what the catalog says their command prints."""


def page_of(paths: Sequence[str], *, run: str | None = None, everything: bool = False) -> str:
    """The page of the documents in files; run: of histories, this run alone; everything: every metric."""
    sections: list[Section] = []
    groups: dict[str, list[Any]] = {}
    for path in paths:
        where = "standard input" if path == "-" else path
        documents = _documents(path, where)
        if _is_record(documents[0]):
            sections += [history_section(found) for found in _runs(path, run, everything)]
            continue
        for document in documents:
            kind = _kind(document)
            if kind in _ALONE:
                with _whole(where):
                    sections.append(_ALONE[kind](document, where, everything))
                continue
            for report in reports_in(document, where):
                groups.setdefault(report["command"], []).append((report, where))
    return page([*sections, *(_section(found, everything) for found in groups.values())])


def _section(found: Sequence[tuple[Any, str]], everything: bool) -> Section:
    """The section of the reports of one command; one whose metrics lack parts that labelfree writes is refused."""
    weights = _kind(found[0][0]) == "weights"
    reports: list[Any] = [validated(WeightsReport if weights else RowsReport, *one) for one in found]
    with _whole(some(list(dict.fromkeys(name for _, name in found)))):
        if weights:
            return weights_section(reports, everything=everything)
        return reports_section(reports, everything=everything)


@contextmanager
def _whole(where: str) -> Iterator[None]:
    """Refuse documents whose form is right and whose metrics lack what labelfree writes."""
    try:
        yield
    except LabelfreeError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise SourceError(
            f"{where}: expected reports as labelfree writes them, found one whose metrics lack parts "
            f"({type(error).__name__}: {error}); measure it again with {option('output', 'report.json')}"
        ) from error


def _kind(document: Any) -> str:
    known = known_command(document.get("command")) if isinstance(document, dict) else None
    return "report" if known is None else known.document


def _is_record(document: Any) -> bool:
    return isinstance(document, dict) and "run" in document and "step" in document


def _runs(path: str, run: str | None, everything: bool) -> list[dict[str, Any]]:
    """The curves of each run of a history."""
    records: list[Record] = read(path)
    names = [run] if run is not None else list(dict.fromkeys(record["run"] for record in records))
    return [curves(path, run=name, only=(), everything=everything, min_delta=None) for name in names]


def _documents(path: str, where: str) -> list[Any]:
    """The JSON of a file: one document, or one a line."""
    try:
        text = read_stdin() if path == "-" else read_text(Path(path), piped=True)
    except FileNotFoundError:
        raise SourceError(f"{where}: no such file; labelfree rank SOURCE -o {path} writes a report") from None
    except UnicodeDecodeError:
        raise SourceError(f"{where}: expected a report or a history as JSON, found bytes that are no text") from None
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror or error})") from None
    try:
        return [parsed(text)]
    except ValueError as whole:
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            found = [parsed(line) for line in lines]
        except ValueError:
            found = []
        if not found:
            what = f"text that is neither ({whole})" if lines else "nothing"
            raise SourceError(
                f"{where}: expected a report or a history as JSON, found {what}; labelfree rank SOURCE -o report.json "
                "writes a report"
            ) from None
        return found


def validated(model: type[_Model], given: Any, where: str) -> _Model:
    """A document in the form of its command, or a SourceError that says where it has another."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{where}: expected a document of labelfree, found another at {place}: {first['msg']}"
        ) from error


def _checked(model: type[_Model], given: Any, where: str) -> Any:
    """A document that has the form of its command, as it is."""
    validated(model, given, where)
    return given
