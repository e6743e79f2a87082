"""Verdicts: conditions at equality, the order of the worst, what is missing or undefined, what may be compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.catalog import CATALOG
from labelfree.errors import HistoryError, SourceError, UsageError
from labelfree.gating import EXIT_CODES
from labelfree.gating.grammar import requirement
from labelfree.metrics import METRICS
from labelfree.render.verdicts.verdict import rows
from labelfree.reports.gate import GateReport
from reports import entry, report, run_of, written

pytestmark = pytest.mark.once

S = "separability"
RISING = [0.1 * i for i in range(12)]


def judged(*arguments: Any, **options: Any) -> dict[str, Any]:
    document = labelfree.gate(*arguments, **options)
    GateReport.model_validate(document)  # every verdict of every test is in the form that the schema says
    found: dict[str, Any] = document["verdict"]
    assert found["exit_code"] == EXIT_CODES[found["decision"]]
    return found


def test_a_report_object_a_document_and_a_file_are_judged_alike(tmp_path: Path) -> None:
    made = labelfree.rank(np.eye(8))
    path = tmp_path / "report.json"
    path.write_text(made.to_json())
    documents = [labelfree.gate(given, require="rankme >= 8") for given in (made, str(path), path, [made])]
    assert [d["verdict"]["decision"] for d in documents] == ["pass"] * 4
    assert documents[0]["verdict"]["conditions"][0]["found"]["value"] == pytest.approx(8.0000069, abs=1e-7)
    assert documents[1]["inputs"][0]["path"] == str(path)


def test_several_requirements_are_all_reported_and_the_worst_wins() -> None:
    found = judged(report({S: 0.5, "rankme": 4.0}), require=[f"{S} >= 0.5", "rankme > 4", "rankme <= 4"])
    assert [c["decision"] for c in found["conditions"]] == ["pass", "fail", "pass"]
    assert (found["decision"], found["exit_code"], found["reason"]) == ("fail", 10, "not_met")


def test_undefined_and_missing_never_pass() -> None:
    found = judged(report({S: None}), require=f"{S} <= 1")
    assert (found["decision"], found["reason"]) == ("fail", "undefined")
    assert "all rows are equal" in found["message"]
    found = judged(report({S: 0.5}), require="rankme <= 1")
    assert (found["decision"], found["reason"]) == ("fail", "missing")


def test_a_metric_is_required_of_every_report_that_holds_it() -> None:
    two = [report({S: 0.5}), report({"rankme": 9.0}, command="rank"), report({S: 0.1}, source="b")]
    found = judged(two, require=[f"{S} >= 0.3", "rankme >= 9"])
    assert [c["decision"] for c in found["conditions"]] == ["pass", "fail", "pass"]


@pytest.mark.parametrize(
    ("now", "asked", "decision"),
    [
        (0.58, "0.02", "pass"),  # 0.6 - 0.58 is more than 0.02 in binary, and equal to it in decimals
        (0.579999, "0.02", "fail"),
        (0.57, "5%", "pass"),
        (0.569999, "5%", "fail"),
        (0.7, "0", "pass"),
        (0.6, "0", "pass"),
        (0.599999, "0", "fail"),
    ],
)
def test_a_drop_without_noise_at_equality(now: float, asked: str, decision: str) -> None:
    found = judged(report({S: now}), against=report({S: 0.6}), max_drop=f"{S}={asked}")
    assert found["decision"] == decision
    if now != 0.6:
        assert "no standard error" in found["warnings"][0]
        assert [(f["code"], f["severity"]) for f in found["findings"]] == [("no_error", "warning")]


@pytest.mark.parametrize(
    ("direction", "base", "now", "estimate"),
    [("higher", 3.0, 2.5, 0.5), ("lower", 2.5, 3.0, 0.5), ("target", 1.25, 1.5, 0.25), ("target", 0.5, 1.25, -0.25)],
)
def test_a_drop_goes_in_the_direction_of_the_metric(direction: str, base: float, now: float, estimate: float) -> None:
    params: dict[str, Any] = {"params": {"target": 1.0}} if direction == "target" else {}
    reports = [report({S: entry(v, direction=direction, **params)}) for v in (base, now)]
    found = judged(reports[1], against=reports[0], max_drop=f"{S}=1")
    assert found["conditions"][0]["estimate"] == estimate


def test_the_worst_values_are_those_of_the_docstrings() -> None:
    directed = {m.name: m for m in METRICS if m.direction != "none"}
    by_classes = {
        "transfer_score", "classifier_nonuniformity", "entropy", "nuclear_norm", "softmax_corr", "mcc", "mano",
        "average_confidence", "class_ami",
    }  # fmt: skip
    assert set(directed) - {e.name for e in CATALOG if e.worst is not None} == {
        "alpha_req",
        *by_classes,
    }  # a target, and no bound
    for known in CATALOG:
        if known.worst is None:
            continue
        name, direction, worst = known.name, known.direction, known.worst
        said = directed[name].explanation.split("Range: ")[1].split("\n")[0]
        ends = re.findall(r"(?:^| to )(-?\d+(?:\.\d+)?)", said)
        assert (directed[name].direction, str(worst)) == (direction, ends[0 if direction == "higher" else 1]), said


@pytest.mark.parametrize(
    ("metric", "base", "asked", "message"),
    [
        (S, entry(0.6), "5", "separability is 0.6 in a.npy and never below 0, .* for 5 percent write separability=5%"),
        (S, entry(0.6), "0.6", "cannot drop by more"),  # a drop of exactly the limit passes
        (S, entry(0.6), "0.599999", None),
        (S, entry(0.6), "100%", "name a smaller drop$"),
        (S, entry(0.6), "99.9%", None),
        (S, entry(0.0), "5%", None),
        (S, entry(0.0), "0", None),
        ("rankme", entry(12.5), "11.5", "never below 1, .* write rankme=11.5%"),
        ("rankme", entry(12.5), "11.4", None),
        ("uniformity", entry(-3.0, direction="lower"), "3", "never above 0"),
        ("uniformity", entry(-3.0, direction="lower"), "2.9", None),
        ("alignment", entry(0.5, direction="lower"), "3.5", "never above 4"),
        ("alpha_req", entry(1.5, direction="target", params={"target": 1.0}), "99", None),
    ],
)
def test_a_drop_that_none_can_exceed_is_refused(metric: str, base: Any, asked: str, message: str | None) -> None:
    made = report({metric: base}, source="a.npy")
    if message is None:
        assert judged(made, against=made, max_drop=f"{metric}={asked}")["decision"] == "pass"
        return
    with pytest.raises(UsageError, match=message):
        labelfree.gate(made, against=made, max_drop=f"{metric}={asked}")
    with pytest.raises(UsageError, match=message):  # whatever is judged
        labelfree.gate(report({metric: None}), against=made, max_drop=f"{metric}={asked}")


def test_a_metric_without_direction_cannot_drop() -> None:
    made = report({"isoscore": entry(0.5, direction="none")})
    with pytest.raises(UsageError, match="isoscore has no direction"):
        labelfree.gate(made, against=made, max_drop="isoscore=1%")


def replicated(value: float, replicates: list[float], factor: float = 0.5, **more: Any) -> dict[str, Any]:
    parts = {"replicates": replicates, "replicate_factor": factor}
    se = factor * float(np.std(replicates, ddof=1))
    return report({S: entry(value, se, parts=parts)}, **more)


def test_the_paired_noise_decides(tmp_path: Path) -> None:
    rows = [0.1 * v for v in np.random.default_rng(0).normal(size=20)]
    base, now = replicated(0.6, [0.6 + r for r in rows]), replicated(0.55, [0.55 + r for r in rows])
    found = judged(now, against=base, max_drop=f"{S}=0.04")["conditions"][0]
    assert (found["noise"], found["decision"]) == (
        "paired",
        "fail",
    )  # rows alone differ by 0.05, and both have the same
    assert found["se"] == pytest.approx(0, abs=1e-12)
    other = judged({**now, "settings": {"seed": 1}}, against=base, max_drop=f"{S}=0.04")
    assert (other["conditions"][0]["noise"], other["decision"], other["exit_code"]) == ("unpaired", "undecided", 13)
    assert "wider than needed" in other["warnings"][0]
    assert [(f["code"], f["severity"]) for f in other["findings"]] == [("unpaired", "note")]
    noisy = [0.55 + r + 0.02 * v for r, v in zip(rows, np.random.default_rng(1).normal(size=20), strict=True)]
    third = judged(replicated(0.55, noisy), against=base, max_drop=f"{S}=0.05")["conditions"][0]
    expected = 0.5 * np.std(np.array([0.6 + r for r in rows]) - noisy, ddof=1)
    assert third["se"] == pytest.approx(expected, rel=1e-9)
    assert third["interval"] == pytest.approx([0.05 - 1.96 * expected, 0.05 + 1.96 * expected], rel=1e-9)
    assert third["decision"] == "undecided"


@pytest.mark.parametrize(
    ("choice", "decision", "code"), [("pass", "pass", 0), ("fail", "fail", 10), (None, "undecided", 13)]
)
def test_on_undecided(choice: str | None, decision: str, code: int) -> None:
    base, now = report({S: entry(0.6, 0.1)}), report({S: entry(0.55, 0.1)})
    found = judged(now, against=base, max_drop=f"{S}=5%", on_undecided=choice)
    assert (found["decision"], found["exit_code"]) == (decision, code)
    assert found["conditions"][0]["reason"] == (f"undecided_{choice}" if choice else "within_noise")
    advice = "measure about 19,208 rows instead of 100, allow more, or decide with on_undecided"
    said = f"its noise, which on_undecided={choice!r} decides" if choice else f"its noise: {advice}"
    assert found["conditions"][0]["message"].endswith(f"; the difference is inside {said}")
    needed = 100 * (1.96 * 0.1 * np.sqrt(2) / (0.05 - 0.05 * 0.6)) ** 2  # where the interval ends at the limit
    assert found["conditions"][0].get("rows_needed") == (None if choice else np.ceil(np.round(needed, 6)))
    assert (found["reason"], found["message"]) == tuple(found["conditions"][0][k] for k in ("reason", "message"))
    both = judged(now, against=base, max_drop=[f"{S}=90%", f"{S}=5%"], require=f"{S} > 0", on_undecided=choice)
    assert both["reason"] == found["reason"]  # a condition that holds does not hide it


def test_the_interval_at_its_limit() -> None:
    free = "stable_rank"  # nothing is known to bound it
    base = report({free: entry(0.5, 0.3)})
    for now, se, limit, decision in (
        (1.0, 0.4, 0.48, "pass"),  # the drop is -0.5 +- 1.96 * 0.5: at most 0.48
        (1.0, 0.4, 0.479, "undecided"),
        (-2.5, 0.4, 2.02, "undecided"),  # 3.0 +- 0.98: at least 2.02
        (-2.5, 0.4, 2.019, "fail"),
    ):
        assert judged(report({free: entry(now, se)}), against=base, max_drop=f"{free}={limit}")["decision"] == decision


def test_a_report_never_drops_against_itself() -> None:
    made = report({S: entry(0.6, 0.1)})
    found = judged(made, against=made, max_drop=f"{S}=0")
    assert (found["decision"], found["conditions"][0]["noise"]) == ("pass", "identical")


@pytest.mark.parametrize(("n", "d", "named"), [(99, 8, "n 100 and 99"), (100, 9, "d 8 and 9")])
def test_a_baseline_of_another_shape_is_refused(n: int, d: int, named: str) -> None:
    with pytest.raises(UsageError, match=f"cannot be compared: {named}; measure both in the same way"):
        labelfree.gate(report({S: 0.5}, n=n, d=d), against=report({S: 0.5}), max_drop=f"{S}=1%")


def test_a_baseline_of_other_params_or_definition_is_refused() -> None:
    for more in ({"params": {"normalize": "none"}}, {"definition": "another"}):
        with pytest.raises(UsageError, match=r"params.normalize \(none\) and none|definition"):
            labelfree.gate(report({S: entry(0.5, **more)}), against=report({S: entry(0.5)}), max_drop=f"{S}=1%")


def test_two_baselines_or_none(tmp_path: Path) -> None:
    two = written(tmp_path / "two.json", {"reports": [report({S: 0.5}), report({S: 0.6})]})
    with pytest.raises(UsageError, match="expected one report with separability"):
        labelfree.gate(report({S: 0.5}), against=two, max_drop=f"{S}=1%")
    found = judged(report({S: 0.5}), against=report({"rankme": 1.0}), max_drop=f"{S}=1%")
    assert (found["decision"], found["reason"]) == ("fail", "missing")


@pytest.mark.parametrize(("checks", "reason"), [(8, "too_little_history"), (9, "plateau")])
def test_the_first_decision_of_slope_comes_at_warm_up_plus_window(tmp_path: Path, checks: int, reason: str) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.25] * checks)
    found = judged(history=path, plateau=S)
    assert (found["reason"], found["exit_code"]) == (reason, 0 if checks == 8 else 11)
    longer = judged(history=path, plateau=S, warmup=checks - 3, window=3)
    assert longer["decision"] == "stop"
    assert judged(history=path, plateau=S, warmup=checks - 2, window=3)["reason"] == "too_little_history"


def test_the_warm_up_is_never_part_of_the_window(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [9.0, 5.0, 1.0] + [0.25] * 6)
    found = judged(history=path, plateau=S)
    assert (found["decision"], found["conditions"][0]["window"]) == (
        "stop",
        {"checks": 6, "first_step": 3, "last_step": 8},
    )
    since = {"checks_since": 8, "steps_since": 8}
    assert found["best"] == {"metric": S, "step": 0, "value": 9.0, "se": None, "source": "epoch_00.parquet", **since}


@pytest.mark.parametrize(("rise", "decision"), [(0.125, "continue"), (0.1249, "stop"), (0.126, "continue")])
def test_slope_at_equality(tmp_path: Path, rise: float, decision: str) -> None:
    path = run_of(tmp_path / "h.jsonl", [1 + rise * i for i in range(9)])
    found = judged(history=path, plateau=S, min_delta=0.625)
    assert found["decision"] == decision
    assert found["conditions"][0]["estimate"] == pytest.approx(5 * rise)


def test_lower_and_target_metrics_improve_downwards(tmp_path: Path) -> None:
    for i, (direction, params) in enumerate((("lower", {}), ("target", {"target": 0.0}))):
        values = [entry(9.0 - v, direction=direction, params=params) for v in range(9)]
        path = run_of(tmp_path / f"{i}.jsonl", values)
        found = judged(history=path, plateau=S)
        assert (found["decision"], found["conditions"][0]["estimate"], found["best"]["step"]) == ("continue", 5.0, 8)
        assert judged(history=path, plateau=S, rule="threshold", stop_at=1.0)["decision"] == "stop"
        assert judged(history=path, plateau=S, rule="threshold", stop_at=0.999)["decision"] == "continue"
    path = run_of(tmp_path / "n.jsonl", [entry(1.0, direction="none")] * 9)
    with pytest.raises(UsageError, match="no direction"):
        labelfree.gate(history=path, plateau=S)


@pytest.mark.parametrize(("checks", "decision"), [(6, "continue"), (7, "stop"), (8, "stop")])
def test_patience_on_a_flat_run(tmp_path: Path, checks: int, decision: str) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.5] * checks)
    found = judged(history=path, plateau=S, rule="patience")
    assert found["decision"] == decision
    assert found["reason"] == ("patience_exhausted" if decision == "stop" else "too_little_history")
    assert judged(history=path, plateau=S, rule="patience", patience=checks)["reason"] == "too_little_history"


@pytest.mark.parametrize(("value", "decision"), [(0.75, "stop"), (0.7499, "continue"), (0.76, "stop")])
def test_threshold_at_equality(tmp_path: Path, value: float, decision: str) -> None:
    path = run_of(tmp_path / "h.jsonl", [9.0, 0.1, 0.1, value])
    assert judged(history=path, plateau=S, rule="threshold", stop_at=0.75)["decision"] == decision
    assert judged(history=path, plateau=S, rule="threshold", stop_at=0.75, warmup=4)["reason"] == "too_little_history"


def test_the_latest_check_must_hold_the_metric_and_define_it(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [*RISING, None])
    found = judged(history=path, plateau=S)
    assert (found["decision"], found["reason"]) == ("fail", "undefined")
    labelfree.history.append(path, report({"rankme": 2.0}, command="rank"), step=13)
    found = judged(history=path, plateau=S)
    assert (found["reason"], "its last is at step 12" in found["message"]) == ("missing", True)
    path = run_of(tmp_path / "g.jsonl", [0.1, 0.2, None, 0.3, 0.4, 0.5])
    found = judged(history=path, plateau=S, warmup=0, window=5)
    assert (found["decision"], found["conditions"][0]["checks"]) == ("continue", 5)
    assert "1 earlier check without a value left out" in found["warnings"][0]
    assert [f["code"] for f in found["findings"]] == ["checks_left_out"]


@pytest.mark.parametrize(
    ("value", "asked", "told"),
    [
        (15.9059994, ">= 15.906", "rankme is 15.905999 at epoch_00.parquet, not as required (rankme >= 15.906)"),
        (15.906, ">= 15.906", "rankme is 15.906 at epoch_00.parquet, as required (rankme >= 15.906)"),
        (15.9061234, "== 15.9061234", "rankme is 15.9061234 at epoch_00.parquet, as required (rankme == 15.9061234)"),
        (15.9061, "> 15", "rankme is 15.9061 at epoch_00.parquet, as required (rankme > 15)"),
        (0.30000000001, "<= 0.3", "rankme is 0.30000000001 at epoch_00.parquet, not as required (rankme <= 0.3)"),
    ],
)
def test_a_verdict_shows_the_digits_that_decided_it(value: float, asked: str, told: str) -> None:
    document = labelfree.gate(report({"rankme": value}), require=f"rankme {asked}")
    assert document["verdict"]["conditions"][0]["message"] == told
    sign, number = asked.split()
    shown = requirement(f"rankme {sign} {number}").met_by(float(rows(document)[0].found))  # in the table as well
    assert ("pass" if shown else "fail") == document["verdict"]["decision"]


@pytest.mark.parametrize(("now", "decision"), [(0.5499999, "fail"), (0.55, "pass"), (0.5500001, "pass")])
def test_a_drop_shows_the_digits_that_decided_it(now: float, decision: str) -> None:
    document = labelfree.gate(report({S: now}), against=report({S: 0.6}), max_drop=f"{S}=0.05")
    [condition] = document["verdict"]["conditions"]
    found = re.search(r"worse by (\S+), (\S+) allowed", condition["message"])
    assert found is not None
    assert condition["decision"] == decision == ("pass" if float(found[1]) <= float(found[2]) else "fail")
    assert (float(rows(document)[0].found) <= 0.05) == (decision == "pass")


def test_a_plateau_shows_the_digits_that_decided_it(tmp_path: Path) -> None:
    for i, (end, decision) in enumerate(((0.00999999, "stop"), (0.01, "continue"), (0.01000001, "continue"))):
        path = run_of(tmp_path / str(i), [0.0, 0.0, 0.0, *(1 + end * k / 5 for k in range(6))])
        document = labelfree.gate(history=path, plateau=S)
        assert document["verdict"]["decision"] == decision
        bound = document["verdict"]["message"].split("at most ")[1].split()[0]
        assert (float(bound) < 0.01) == (decision == "stop")


def test_a_metric_that_got_worse_did_not_improve_by_a_negative_amount(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [1 - 0.125 * i for i in range(9)])
    found = judged(history=path, plateau=S, rule="slope-v1")
    assert found["message"].startswith("separability got worse by 0.625 over the last 6 checks")
    found = judged(history=path, plateau=S, window=4, warmup=0, min_delta=2.0)  # too large a fall to be one
    assert found["message"].startswith("separability gets worse by 0.375 in 4 checks, by its latest 4 (steps 5 to 8)")


def test_a_fall_is_past_the_best_which_is_named(tmp_path: Path) -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.6, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35]
    for checks, reason in ((9, "not_a_plateau"), (14, "past_best")):
        path = run_of(tmp_path / f"{checks}.jsonl", values[:checks])
        found = judged(history=path, plateau=S, checks=20)
        assert found["reason"] == reason, found["message"]
    assert (found["exit_code"], found["best"]["step"]) == (11, 6)
    assert "below the three about step 7" in found["message"]
    assert judged(history=path, plateau=S, rule="slope-v1")["reason"] != "past_best"


def test_a_dip_inside_the_noise_is_no_fall(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    run = 0.3 + 0.02 * np.arange(20) + 0.02 * rng.normal(size=20)
    run[12:14] -= 0.05
    for checks in range(9, 21):
        found = judged(history=run_of(tmp_path / f"{checks}.jsonl", run[:checks].tolist()), plateau=S)
        assert found["decision"] == "continue"


def test_several_plateaus_share_one_error_or_must_all_be_there(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    for step in range(20):
        made = report({S: 0.5 + 0.001 * (-1) ** step, "rankme": 1.0 + step}, source=f"epoch_{step:02}.parquet")
        labelfree.history.append(path, made, step=step)
    alone = judged(history=path, plateau=S, confidence=0.95)
    both = {when: judged(history=path, plateau=[S, "rankme"], when=when) for when in ("any", "all")}
    assert [both[when]["decision"] for when in both] == ["stop", "continue"]
    first = both["any"]["conditions"][0]
    assert first["interval"] == alone["conditions"][0]["interval"]  # half of the error each
    assert both["all"]["conditions"][0]["decision"] == "stop"
    assert both["all"]["reason"] == "not_a_plateau"
    single = judged(history=path, plateau=S)
    assert both["all"]["conditions"][0]["interval"] == single["conditions"][0]["interval"]


def test_the_length_of_the_run_sets_warm_up_window_and_how_soon_it_decides(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    run = run_of(tmp_path / "h.jsonl", (0.3 + 0.0008 * rng.normal(size=9)).tolist())
    unknown, planned = (labelfree.gate(history=run, plateau=S, checks=checks) for checks in (None, 10))
    assert [planned["settings"][name] for name in ("checks", "warmup", "window")] == [10, 2, 4]
    assert unknown["settings"]["checks"] is None
    assert unknown["settings"]["rule_version"] == 2
    highs = [document["verdict"]["conditions"][0]["interval"][1] for document in (unknown, planned)]
    assert highs[1] < highs[0]
    longer = judged(history=run, plateau=S, checks=8)
    assert "the run has 9 checks, it was planned for 8" in longer["warnings"][0]
    assert [(f["code"], f["fix"]) for f in longer["findings"]] == [("past_plan", "say checks=9 or more")]
    with pytest.raises(
        UsageError, match="checks=8: a run of so many checks ends before the first decision, at check 9"
    ):
        labelfree.gate(history=run, plateau=S, checks=8, warmup=3, window=6)
    with pytest.raises(UsageError, match="when='all': has no effect with fewer than two"):
        labelfree.gate(history=run, plateau=S, when="all")


@pytest.mark.parametrize("metrics", [{S: None}, {}], ids=["undefined", "missing"])
def test_the_best_survives_a_collapse_that_leaves_the_metric_without_a_value(
    tmp_path: Path, metrics: dict[str, Any]
) -> None:
    path = run_of(tmp_path / "h.jsonl", RISING)
    gone = report(metrics, rank=1.0, cosine=1.0, duplicate=99, source="epoch_12.parquet")
    labelfree.history.append(path, gone, step=12)
    found = judged(history=path, plateau=S)
    assert (found["decision"], found["exit_code"]) == ("collapse", 12)
    since = {"checks_since": 1, "steps_since": 1}
    best = {"metric": S, "step": 11, "value": RISING[11], "se": None, "source": "epoch_11.parquet", **since}
    assert found["best"] == best
    labelfree.history.append(path, {**gone, "input": {**gone["input"], "sources": ["epoch_20.parquet"]}}, step=20)
    assert judged(history=path, plateau=S)["best"]["steps_since"] == 9


def test_collapse_wins_over_everything_and_is_never_the_best(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.2] * 9)
    labelfree.history.append(path, report({S: 0.99}, rank=1.9, cosine=0.95, source="dead.parquet"), step=9)
    found = judged(history=path, plateau=S, require=f"{S} < 0.5")
    assert (found["decision"], found["exit_code"], found["reason"]) == ("collapse", 12, "collapse")
    assert [c["decision"] for c in found["conditions"]] == ["fail", "continue"]
    assert found["best"]["step"] == 0
    assert found["guards"][0]["highest_step"] == 0


def test_the_order_of_the_worst(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [entry(0.25, 0.1)] * 9)
    base = report({S: entry(0.26, 0.1)})
    undecided = {"against": base, "max_drop": f"{S}=0"}
    found = judged(history=path, plateau=S, **undecided)
    assert (found["decision"], [c["decision"] for c in found["conditions"]]) == ("undecided", ["undecided", "stop"])
    found = judged(history=path, plateau=S, require=f"{S} > 1", **undecided)
    assert (found["decision"], [c["decision"] for c in found["conditions"]]) == ("fail", ["fail", "undecided", "stop"])
    assert judged(history=path, plateau=S, require=f"{S} > 0")["decision"] == "stop"
    assert judged(history=path, require=f"{S} > 0")["decision"] == "pass"
    assert judged(history=path, plateau=S, warmup=4, require=f"{S} > 0")["decision"] == "continue"
    assert list(EXIT_CODES.values()) == [12, 10, 13, 11, 0, 0]


def test_reports_and_a_history_at_once(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.25] * 9)
    found = judged(report({"rankme": 5.0}), require="rankme >= 6", history=path, plateau=S)
    assert [c["decision"] for c in found["conditions"]] == ["fail", "stop"]
    with pytest.raises(UsageError, match="history: has no effect beside reports"):
        labelfree.gate(report({"rankme": 5.0}), history=path, require="rankme > 1")
    with pytest.raises(UsageError, match="leave the reports out"):
        labelfree.gate(report({"rankme": 5.0}), history=path, plateau=S)
    with pytest.raises(UsageError, match="expected a report or history=FILE"):
        labelfree.gate(require="rankme > 1")


def test_the_latest_check_of_two_commands_is_judged_once_per_metric(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.25])
    labelfree.history.append(path, report({"rankme": 7.0}, command="rank"), step=0)
    found = judged(history=path, require=["effective_rank >= 8", "rankme >= 7", f"{S} > 0"])
    assert [c["decision"] for c in found["conditions"]] == ["pass"] * 3
    other = tmp_path / "other.jsonl"
    labelfree.history.append(other, report({"rankme": 7.5}, command="evaluate"), step=0)
    path.write_text(path.read_text() + other.read_text())  # an append refuses it
    with pytest.raises(HistoryError, match=r"found 7.5 \(evaluate\) and 7.0 \(rank\)"):
        labelfree.gate(history=path, require="rankme >= 7")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a report, found nothing"),
        ("{", "neither"),
        ("[1]", "JSON of another kind"),
        ('{"a": NaN}', "neither"),
        ('{"schema_version": 3, "metrics": {}}', "a later labelfree wrote"),
        ('{"schema_version": 2, "metrics": {}}', "lacks some of it"),
        ('{"schema_version": 1, "input": {}, "metrics": {"rankme": {"value": "8"}}}', "lacks some of it"),
        ('{"schema_version": 1, "command": "gate"}', "the verdict of a gate"),
        ('{"schema_version": 1, "run": "a", "step": 1}', "name that file with history"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(SourceError) as raised:
        labelfree.gate(str(path), require="rankme > 1")
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
