"""STOP is the document of a stranger: a verdict of a watch is believed, and nothing else is, whatever it holds."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from labelfree import gate, history
from labelfree.documents.reading import as_json
from labelfree.errors import UsageError
from labelfree.gating.stopped import stopped
from labelfree.render.verdicts.verdict import show
from program import Program
from reports import report, run_of

pytestmark = pytest.mark.once

S = "separability"
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"rule": "slope-v1"},
    {"checks": 12},
    {"rule": "patience"},
    {"rule": "threshold", "stop_at": 0.4},
)


def verdict_of(place: Path, **rule: Any) -> dict[str, Any]:
    place.mkdir()
    return gate(history=run_of(place / "h.jsonl", [0.1, 0.2, 0.3] + [0.5] * 9), plateau=S, **rule)


def written(place: Path, document: Any) -> Path:
    stop = place / "STOP"
    stop.write_text(document if isinstance(document, str) else json.dumps(document))
    return stop


def places(value: Any, *above: Any) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, itself aside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in inner:
        yield (*above, key)
        yield from places(found, *above, key)


def test_the_verdict_of_every_rule_is_believed(tmp_path: Path) -> None:
    for i, rule in enumerate(RULES):
        document = verdict_of(tmp_path / str(i), **rule)
        assert document["verdict"]["decision"] == "stop"
        assert stopped(written(tmp_path, as_json(document))) == document
    path = run_of(tmp_path / "dead.jsonl", [0.5] * 4)
    history.append(path, report({S: 0.5}, source="epoch_04.parquet", rank=1.0, cosine=0.99, duplicate=99), step=4)
    dead = gate(history=path, plateau=S)
    assert dead["verdict"]["decision"] == "collapse"
    assert stopped(written(tmp_path, as_json(dead))) == dead


def test_a_verdict_whose_warnings_had_no_codes_is_believed(tmp_path: Path) -> None:
    document = verdict_of(tmp_path / "run")
    assert (document["verdict"].pop("findings"), document["verdict"]["warnings"]) == ([], [])
    document["verdict"]["warnings"] = ["separability: 1 earlier check without a value left out"]
    assert stopped(written(tmp_path, document)) == document
    said = io.StringIO()
    show(Console(file=said, width=200), document)
    assert "warning: separability: 1 earlier check without a value left out [unnamed]" in said.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exit_code": 0}, "its conditions say exit_code 11, it says 0"),
        ({"exit_code": 12}, "exit_code 11, it says 12"),
        ({"decision": "collapse", "exit_code": 12}, "decision 'stop', it says 'collapse'"),
        ({"decision": "retire"}, "verdict.decision is not one of collapse"),
        ({"reason": "boredom"}, "reason 'plateau', it says 'boredom'"),
        ({"conditions": []}, "it judges no history"),
        ({"guards": 3}, "verdict.guards is not a list"),
        ({"warnings": [3]}, "verdict.warnings are not texts"),
        ({"warnings": ["of no finding"]}, "verdict.warnings are not the messages of its findings"),
        ({"findings": 3}, "verdict.findings is not a list"),
        (
            {"findings": [{"code": "x", "severity": "dire", "message": "m", "fix": ""}], "warnings": ["m"]},
            "verdict.findings[0].severity is not one of error, warning, note",
        ),
        ({"findings": [{"code": "x"}]}, "verdict.findings[0].severity is missing"),
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    document = verdict_of(tmp_path / "run")
    document["verdict"].update(change)
    with pytest.raises(UsageError, match="STOP: is there, and holds no verdict of labelfree; remove it") as refused:
        stopped(written(tmp_path, document))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"verdict": {"decision": "collapse", "exit_code": 0}}', "{}", "[]", "", "please\n", "NaN",
        "[" * 3000, "9" * 400,
        '{"verdict": {"decision": "stop"}, "verdict": {}}', '{"a": ' * 600 + "1" + "}" * 600,
    ],
)  # fmt: skip
def test_a_stop_that_is_no_verdict_ends_with_2(labelfree: Program, tmp_path: Path, text: str) -> None:
    (tmp_path / "STOP").write_text(text)
    for form in ((), ("--json",)):
        done = labelfree("watch", tmp_path, "--metric", S, "--idle", "0", *form)
        assert done.returncode == 2, done.stderr
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
        assert "STOP: is there, and holds no verdict of labelfree; remove it to watch the run (" in done.stderr


@pytest.mark.parametrize("rule", RULES)
def test_whatever_stands_at_any_place_is_shown_or_refused(tmp_path: Path, rule: dict[str, Any]) -> None:
    document = verdict_of(tmp_path / "run", **rule)
    believed, console = 0, Console(file=io.StringIO())
    for place in places(document):
        for value in (None, True, -1e99, "x\u2028|<b>", [1.0, 2.0], {"value": "x"}, "missing"):
            changed = copy.deepcopy(document)
            at = changed
            for key in place[:-1]:
                at = at[key]
            if value == "missing":
                del at[place[-1]]
            else:
                at[place[-1]] = value
            try:
                found = stopped(written(tmp_path, changed))
            except UsageError:
                continue
            believed += 1
            assert found["verdict"]["exit_code"] == 11
            show(console, found)
            as_json(found)
    assert believed > 100  # what no reader of it looks at
