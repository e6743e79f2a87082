"""JSON and TOML: values, keys and nesting changed in their place, and the text around them."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

from fuzzing.damage import NUMBERS, damaged
from fuzzing.words import strange_name, text

RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "1e101", "-0.0", "1E400", "9" * 21, "9" * 400,
    "9" * 5000,
    "1" + "0" * 30 + ".5", "0." + "0" * 400 + "1", "01", "+1", "1.", ".5", "0x10", "1_000", "[" * 50 + "]" * 50,
    "[" * 150 + "]" * 150, "[" * 3000 + "]" * 3000, '{"a":' * 150 + "1" + "}" * 150, "[" * 100_000, "tru", "nul", "'x'",
    '"\\ud800"', '"\\u0000"', '"\\u001b[31m"', '"\\u2028"', '"\\x"', '"\x1b[0m"', '"a\nb"', "", "undefined", "/* */ 1",
)  # fmt: skip
"""Values as they stand in a text, which no `json.dumps` writes."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, -1.5, 0.1, 1e-300, 1e99, 1e100, "", "x", "1", "ok", "undefined", "higher",
    "lower", "none",
    [], {}, [[]], [None], ["x"], [1, 2], {"a": 1}, [0.1, 0.2, 0.3], *NUMBERS,
)  # fmt: skip


def changed_document(document: Any, chance: Random) -> str:
    """The document as a text, with one to three values, keys or elements changed."""
    found, raw = deepcopy(document), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(_places(found))
        if not places:
            break
        holder, key = chance.choice(places)
        how = chance.random()
        if how < 0.3:
            raw.append(chance.choice(RAW))
            holder[key] = f"@raw{len(raw) - 1}@"
        elif how < 0.65:
            holder[key] = _value(chance)
        elif how < 0.75:
            del holder[key]
        elif isinstance(holder, list):
            holder[key:key] = [deepcopy(holder[key])] * chance.choice((1, 2, 500))
        elif how < 0.85:
            holder[text(strange_name(chance))] = holder.pop(key)
        elif how < 0.93:
            other, there = chance.choice(places)
            if not _within(holder[key], other) and not _within(other[there], holder):
                holder[key], other[there] = other[there], holder[key]
        else:
            raw.append(f'{json.dumps(holder[key])}, "{key}": {json.dumps(_value(chance))}')
            holder[key] = f"@raw{len(raw) - 1}@"
    said = json.dumps(found, ensure_ascii=chance.random() < 0.5)
    for i, value in enumerate(raw):
        said = said.replace(f'"@raw{i}@"', value, 1)
    return said


def _value(chance: Random) -> Any:
    return text(strange_name(chance)) if chance.random() < 0.2 else deepcopy(chance.choice(VALUES))


def _within(value: Any, holder: Any) -> bool:
    return value is holder or any(inner is holder for inner, _ in _places(value))


def _places(value: Any) -> Any:
    """Every key and element, as what holds it and its place there."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def text_of(document: str) -> bytes:
    """The bytes of a text that may hold what is no text."""
    return document.encode(
        "utf-8", "surrogateescape" if any("\udc80" <= c <= "\udcff" for c in document) else "surrogatepass"
    )


def encoded(document: str, chance: Random) -> bytes:
    """Mostly as it is; else in another encoding, with another begin or end, or with damage."""
    try:
        content = text_of(document)
    except UnicodeEncodeError:
        content = document.encode("utf-8", "replace")
    how = chance.random()
    if how < 0.75:
        return content
    if how < 0.9:
        return damaged(content, chance)
    ways = (
        b"\xef\xbb\xbf" + content, content + b"\x00", content + b"\n{}\n", content * 2, b"\n\n" + content,
        document.encode("utf-16", "replace"), document.encode("utf-32", "replace"), document.encode("latin-1",
        "replace"),
        content.replace(b" ", b"\xc2\xa0"), content.replace(b"\n", b"\r\n"), content.replace(b"\n",
        "\u2028".encode()), b"",
    )  # fmt: skip
    return chance.choice(ways)


def lines(records: list[dict[str, Any]], chance: Random) -> bytes:
    """A history: some records changed, some lines gone, there twice, torn or in another order."""
    said = [json.dumps(record) for record in records]
    for _ in range(chance.choice((1, 1, 2))):
        at, how = chance.randrange(len(said)), chance.random()
        if how < 0.6:
            said[at] = changed_document(records[at % len(records)], chance)
        elif how < 0.7:
            said[at:at] = [said[at]] * chance.choice((1, 2, 30))
        elif how < 0.8:
            other = chance.randrange(len(said))
            said[at], said[other] = said[other], said[at]
        elif how < 0.9:
            said[at] = said[at][: chance.randrange(len(said[at]) + 1)]
        else:
            said[at:at] = [chance.choice(("", " ", "null", "{}", "[]", "1", "\u2028", "\x0c", "# comment"))]
    end = chance.choice(("\n", "\n", "\n", "", "\r\n", "\n\n"))
    return encoded(chance.choice(("\n", "\n", "\n", "\n", "\r\n", "\u2028", " ")).join(said) + end, chance)


TOML = (
    "1", "true", '"x"', "[]", "{}", "nan", "inf", "-inf", "1e999", "9" * 400, "9" * 5000, "0x" + "f" * 300,
    "[" * 200 + "]" * 200,
    "[" * 5000, "{a = " * 1500 + "1" + "}" * 1500, "1979-05-27", '""', '"""\n\n"""', '"\\u0000"', '"\\u001b[31m"',
    "[1, 'x']",
    '["rankme >= 1"]', '["rankme >= nan"]', '["rankme"]', '"rankme >= 1"', '["rankme=5%"]', "0.5", "-1", "2147483648",
    "5", "[[]]",
)  # fmt: skip
KEYS = (
    "require", "max-drop", "max_drop", "plateau", "rule", "warmup", "window", "confidence", "min-delta", "patience",
    "stop-at",
    "against", "history", "run", "on-undecided", "exit-zero", "github", "requires", "format", "",
)  # fmt: skip


def pyproject(chance: Random) -> bytes:
    """A pyproject.toml whose table of the gate, or what is around it, may be anything."""
    said = [f"{chance.choice(KEYS) or chr(34) * 2} = {chance.choice(TOML)}" for _ in range(chance.choice((1, 1, 2, 4)))]
    heads: tuple[str, ...] = ("[tool.labelfree.gate]",) * 6 + (
        "[[tool.labelfree.gate]]",
        "[tool.labelfree]",
        "[tool]",
        "[tool.labelfree.gate.x]",
        "",
    )
    if chance.random() < 0.1:
        said = (
            [f"tool = {chance.choice(TOML)}"]
            if chance.random() < 0.5
            else [f"[tool]\nlabelfree = {chance.choice(TOML)}"]
        )
        heads = ("",)
    return encoded("\n".join([chance.choice(heads), *said, ""]), chance)
