"""What must never come of a case, whatever is in it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fuzzing.workers import Ended

CODES = (0, 2, 3, 10, 11, 12, 13)
MOST_MEMORY = 1 << 30
"""Bytes that any case may take."""
MOST_REFUSED = 300 << 20
"""Bytes that a refusal may take."""
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
_WARNING = re.compile(r"^\S+\.py:\d+: (\w*Warning.*)", re.MULTILINE)
_FRAME = re.compile(r'File "[^"]*?([^/"]+/[^/"]+)", line \d+, in (\S+)')


@dataclass(frozen=True)
class Found:
    """A finding: what is wrong, in which command, and the words it was told with."""

    what: str
    command: list[str]
    said: str

    @property
    def mark(self) -> str:
        """Equal for findings that are most likely the same."""
        frames = _FRAME.findall(self.said)
        inside = [f"{file} {function}" for file, function in frames if not file.startswith("cli/")]
        last = self.said.strip().rpartition("\n")[2] if frames else self.said
        return f"{self.what}: {self.command[0]}: {' '.join(inside[-1:])} {re.sub(r'[^A-Za-z ]+', '#', last)[:90]}"

    def document(self) -> dict[str, Any]:
        """As a plain document."""
        return asdict(self)


def judged(command: list[str], ended: Ended, place: Path, before: set[str]) -> list[Found]:
    """All that is wrong with a command that has ended; before: the names in its directory when it began."""
    out, err = ended.out.decode("utf-8", "surrogateescape"), ended.err.decode("utf-8", "surrogateescape")
    wrong: list[tuple[str, str]] = []
    if ended.late:
        wrong.append(("hang", f"{ended.cpu:.1f} s of processor time, exit code {ended.code}: {err[-300:]}"))
    elif ended.code < 0:
        wrong.append(("died", f"of signal {-ended.code}: {err[-600:]}"))
    elif ended.code not in CODES or "internal error" in err or "Traceback (" in err:
        wrong.append(("crash", err[-3000:]))
    said_json = any(word == "--json" and earlier != "--run" for earlier, word in pairwise(command))
    data = said_json or "--format" in command  # names as they are, for programs
    most = MOST_REFUSED if ended.code == 2 else MOST_MEMORY
    if ended.peak > most:
        wrong.append(("memory", f"{ended.peak >> 20} MB, exit code {ended.code}: {err[-300:]}"))
    elif "not enough memory" in err:
        wrong.append(("memory", f"more than there was: {err[-300:]}"))
    if ended.code == 2:
        if out:
            wrong.append(("stdout", f"on exit code 2: {out[:200]!r}"))
        if not err.startswith(("labelfree: ", "::error ")):
            wrong.append(("words", f"a refusal without words of ours: {err[:300]!r}"))
        if len(err) > 6000:
            wrong.append(("words", f"{len(err)} characters: {err[:200]!r}"))
    if match := _WARNING.search(err):
        wrong.append(("warning", match[1][:300]))
    for name, said in (("stdout", "" if data else out), ("stderr", err)):
        if match := _STEERS.search(said):
            wrong.append(
                (
                    "steers",
                    f"{name} holds {match[0]!r} at {match.start()}: {said[max(match.start() - 80, 0) :][:160]!r}",
                )
            )
    if said_json and ended.code in (0, 3, 10, 11, 12, 13) and (said := _no_json(out)):
        wrong.append(("json", said))
    wrong += _files(command, ended.code, place, before)
    return [Found(what, command, said) for what, said in wrong]


def _files(command: list[str], code: int, place: Path, before: set[str]) -> list[tuple[str, str]]:
    wrong = []
    now = {str(path.relative_to(place)) for path in place.rglob("*")}
    for name in sorted(now - before):
        if ".labelfree-" in name or name.endswith(".tmp"):
            wrong.append(("left behind", name))
        if name.startswith("o.") and code == 2 and command[0] != "gate":
            wrong.append(("written", f"{name} on exit code 2"))
        if name.endswith((".json", ".ndjson", "jsonl")):
            content = (place / name).read_bytes()
            try:
                texts = content.decode().split("\n") if not name.endswith(".json") else [content.decode()]
            except UnicodeDecodeError as error:
                wrong.append(("json", f"{name}: {error}"))
                continue
            wrong += [("json", f"{name}: {said}") for one in texts if one.strip() and (said := _no_json(one))]
        if name.endswith((".md", ".xml")) and (
            match := _STEERS.search((place / name).read_text("utf-8", "surrogateescape"))
        ):
            wrong.append(("steers", f"{name} holds {match[0]!r}"))
        if name.endswith(".xml"):
            wrong += _no_xml(place / name)
    return wrong


def _no_json(said: str) -> str:
    """Why this is no JSON that everybody reads; empty where it is."""
    try:
        json.loads(said, parse_constant=_refused)
        said.encode()
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error} in {said[:200]!r}"
    return ""


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def _no_xml(path: Path) -> list[tuple[str, str]]:
    from xml.etree import ElementTree

    try:
        ElementTree.parse(path)
    except ElementTree.ParseError as error:
        return [("xml", f"{path.name}: {error}")]
    return []
