"""Every reason that a metric or a tensor can have is explained, and none that no place gives."""

from __future__ import annotations

import ast
import re

import pytest

import labelfree
from labelfree.documents.reason_codes import REASONS
from repository import ROOT

pytestmark = pytest.mark.once

SOURCE = ROOT / "src" / "labelfree"
_NOT_OURS = {SOURCE / "survey" / "state.py", SOURCE / "gating" / "series.py"}
"""Their Reason and undefined are no reasons of metrics."""
_RELAYED = {
    "missing[0].reason_code or ''", "part.reason_code", "reason_code", "result.reason_code", "why.code",
    "choice.reason_code", "'labels_do_not_decide' if reason else None",
}  # fmt: skip
"""Codes that were given elsewhere and are passed on, and one that is looked for below."""
_OF_A_CHOICE = ("families/selection/by_predictions.py", "families/selection/by_features.py", "commands/labelling.py")


def given(code: str) -> tuple[set[str], set[str]]:
    """The reason codes that a piece of source gives, and the expressions in their place."""
    codes, others = set[str](), set[str]()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        found = [k.value for k in node.keywords if k.arg == "reason_code"]
        found += node.args[:1] if name in ("undefined", "Reason") else []
        found += node.args[4:5] if name == "Result" else []
        for one in found:
            if isinstance(one, ast.Constant):
                codes |= {str(one.value)} if one.value is not None else set()
            else:
                others.add(ast.unparse(one))
    return codes, others


def of_a_choice(code: str) -> set[str]:
    """The codes with their words in a pair, as the rule of select gives them, and the one of labels."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        first = node.elts[0] if isinstance(node, ast.Tuple) and len(node.elts) == 2 else None
        first = node.body if isinstance(node, ast.IfExp) else first
        if isinstance(first, ast.Constant) and re.fullmatch("[a-z]+(_[a-z]+)+", str(first.value)):
            found.add(str(first.value))
    return found


def everywhere() -> tuple[set[str], set[str]]:
    codes, others = set[str](), set[str]()
    for file in SOURCE.rglob("*.py"):
        if file not in _NOT_OURS and file.parent.name not in ("gating", "render"):
            found = given(file.read_text())
            codes |= found[0]
            others |= found[1]
    return codes, others


def test_every_reason_that_is_given_is_explained_and_no_other() -> None:
    codes, others = everywhere()
    chosen = set.union(*(of_a_choice((SOURCE / file).read_text()) for file in _OF_A_CHOICE))
    assert codes | chosen == set(REASONS)
    assert others <= _RELAYED


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("undefined('new_one', 'why')", ({"new_one"}, set())),
        ("Result(None, None, None, 'partial', 'half', 'why')", ({"half"}, set())),
        ("Result(None, status='undefined', reason_code='other')", ({"other"}, set())),
        ("Reason('tensor', 'why')", ({"tensor"}, set())),
        ("undefined(named(), 'why')", (set(), {"named()"})),
        ("Result(1.0, 0.5)", (set(), set())),
    ],
)
def test_the_search_finds_each_way_to_give_one(code: str, found: tuple[set[str], set[str]]) -> None:
    assert given(code) == found


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_a_sentence_that_explain_prints(code: str) -> None:
    assert re.fullmatch(r"[a-z_]+", code)
    assert re.match(r"[A-Z].*\.$|.*logit_1, \.\.\.$", REASONS[code])
    printed = str(labelfree.explain(code))
    assert printed.splitlines()[0].startswith(f"{code}: ")
    assert REASONS[code] in printed.replace("\n", " ")


def test_the_glossary_page_lists_every_reason() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text()
    assert [code for code, text in REASONS.items() if f"| `{code}` | {text} |" not in page] == []
