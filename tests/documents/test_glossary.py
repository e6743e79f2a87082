"""Every word that a table prints beside a number, every heading and every code of a finding can be explained."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from labelfree.catalog import METRIC_NAMES
from labelfree.documents.finding_codes import CODES
from labelfree.documents.findings import Finding, Noted
from labelfree.documents.glossary import WORDS, meaning, near
from repository import ROOT

pytestmark = pytest.mark.once

RENDER = ROOT / "src" / "labelfree" / "render"
_ORDINARY = """
    about agree alarm all alone and are as at be best between bias by can class columns computed current damage differ
    difference different do does dtype each equal errors fell file for given has have highest is it its keep layer left
    ln looks maximum may mean means, median metric much on one out over possible rows same sampling scores see seeds
    similarities sphere still stood tell the these they those threshold thresholds to together truly uniform usual
    value what where whether which window with within without would
"""
PLAIN = {*_ORDINARY.split()}
"""Words of plain English, or explained as a part of another one."""


def constants(node: ast.AST) -> list[str]:
    """Texts that a piece of code may print; no docstrings, no keys of documents."""
    inside = [n for n in ast.walk(node) if isinstance(n, ast.JoinedStr)]
    return [str(part.value) for one in inside for part in one.values if isinstance(part, ast.Constant)]


def printed() -> set[str]:
    """Words of the texts beside numbers, from the syntax trees of what makes them."""
    found: set[str] = set()
    for file in sorted((RENDER / "notes").glob("*.py")):
        for text in constants(ast.parse(file.read_text())):
            found |= {word.lower() for word in re.findall(r"[A-Za-z][A-Za-z@0-9\-]*[A-Za-z0-9]|[A-Z]\b", text)}
    return found


def headings() -> set[str]:
    """Texts over columns."""
    found = set()
    for file in sorted((RENDER / "tables").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_column" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and first.value:
                    found.add(str(first.value))
    return found | {"true accuracy", "of full", "stable", "tail", "spikes", "kind", "matrix"}


EXPLAINED = {word for phrase in WORDS for word in (phrase, *phrase.split())} | {*METRIC_NAMES, *CODES}


def test_every_word_beside_a_number_is_explained_or_plain() -> None:
    assert sorted(word for word in printed() if word not in EXPLAINED and word not in PLAIN) == []


def test_the_search_for_words_is_not_empty() -> None:
    assert {"structure-free", "excess", "root", "recall@1"} <= printed()
    assert {"95 % interval", "better", "first row"} <= headings()


def test_every_heading_is_explained_or_plain() -> None:
    whole = "what it means, and what to do"
    known = {*WORDS, *METRIC_NAMES, *CODES}
    assert [h for h in headings() - {whole} if h not in known and not {*h.split()} <= PLAIN] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_sentence_and_a_meaning(code: str) -> None:
    known = CODES[code]
    assert known.code == code
    assert re.fullmatch(r"[a-z_]+", code)
    assert not known.sentence.endswith(".")
    assert known.meaning.endswith(".")
    head, text = meaning(code) or ("", "")
    assert head == f"{code}: {known.severity}"
    assert known.meaning in text


def test_every_code_is_made_somewhere_and_every_code_made_is_known() -> None:
    """Nothing stands in the list that no place says, and no place says what is not in it."""
    made = set()
    source = ROOT / "src" / "labelfree"
    for file in source.rglob("*.py"):
        if file.parent.name != "documents":
            made |= set(re.findall(r'"([a-z_]+)"', file.read_text()))
    assert {*CODES} - made == set()


@pytest.mark.parametrize("word", ["partial", "undefined", "structure-free", "root", "excess", "Zero bars", "EER"])
def test_words_are_found_however_they_are_written(word: str) -> None:
    assert meaning(word) is not None


def test_what_is_not_known_is_none_and_has_a_neighbor() -> None:
    assert meaning("no such thing") is None
    assert (near("exces"), near("narow_cone"), near("rankm")) == ("excess", "narrow_cone", "rankme")


def test_a_finding_of_no_code_cannot_be_made_beside_a_number() -> None:
    with pytest.raises(KeyError):
        Noted("no_such_code", "text")
    assert Finding("few_rows", "said", "do", 3, unit="columns").rows is None
    assert Finding("few_rows", "said", graver="error").severity == "error"


def test_the_glossary_page_has_every_word_and_code() -> None:
    page = Path(ROOT / "docs" / "glossary.md").read_text()
    assert [word for word in (*WORDS, *CODES) if f"| {word} |" not in page and f"| `{word}` |" not in page] == []
