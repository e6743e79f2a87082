"""The gate in CI: GitHub's annotations, summary and outputs, JUnit, pyproject.toml, and the recipes of docs/ci.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import labelfree
from labelfree.errors import UsageError
from labelfree.gating.configured import configured
from labelfree.render.verdicts.github import MOST, SUMMARY, commands, outputs, summary
from labelfree.render.verdicts.junit import to_junit
from program import Program
from reports import entry, report, run_of, written
from repository import ROOT

pytestmark = pytest.mark.once

S = "separability"
HERE = "[tool.labelfree.gate] of"
CONFIG = '[tool.labelfree.gate]\nrequire = ["separability >= 0.5"]\n'


def verdict(*subjects: Any, **options: Any) -> dict[str, Any]:
    return labelfree.gate(list(subjects), **options)


def mixed() -> dict[str, Any]:
    """A verdict with a failure, an undecided drop and what passed."""
    return verdict(
        report({S: entry(0.5, 0.1), "rankme": 3.0}), require=[f"{S} >= 0.6", "rankme >= 3"],
        against=report({S: entry(0.6, 0.1)}), max_drop=f"{S}=0.05",
    )  # fmt: skip


def test_junit_has_a_case_for_every_condition_and_says_what_failed() -> None:
    suites = ElementTree.fromstring(to_junit(mixed()))
    (suite,) = suites
    assert (suite.get("tests"), suite.get("failures"), suites.get("failures")) == ("3", "2", "2")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failures = {name: [f.get("type") for f in case.iter("failure")] for name, case in cases.items()}
    assert failures == {f"{S} >= 0.6": ["fail"], "rankme >= 3": [], f"drop {S} at most 0.05": ["undecided"]}
    assert {p.get("name"): p.get("value") for p in suite.iter("property")} == {
        "decision": "fail", "reason": "not_met", "exit_code": "10",
    }  # fmt: skip


def test_junit_knows_the_cases_of_several_reports_apart() -> None:
    found = verdict(report({S: 0.5}, source="a"), report({S: 0.7}, source="b"), require=f"{S} >= 0.6")
    names = [case.get("name") for case in ElementTree.fromstring(to_junit(found)).iter("testcase")]
    assert names == [f"{S} >= 0.6 (a)", f"{S} >= 0.6 (b)"]


def test_junit_names_a_case_by_the_path_of_its_report(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, report({S: value})) for name, value in (("a.json", 0.5), ("b.json", 0.7))]
    found = verdict(*paths, require=f"{S} >= 0.6", against=paths[1], max_drop=f"{S}=50%")  # both of one source
    names = [case.get("name") for case in ElementTree.fromstring(to_junit(found)).iter("testcase")]
    assert names == [f"{what} ({path})" for what in (f"{S} >= 0.6", f"drop {S} at most 50%") for path in paths]


def test_junit_of_a_plateau_and_of_a_collapse(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.5] * 9)
    suite = ElementTree.fromstring(to_junit(labelfree.gate(history=path, plateau=S)))
    assert [f.get("type") for f in suite.iter("failure")] == ["stop"]
    labelfree.history.append(path, report({S: 0.9}, rank=1.0, cosine=0.99, source="x"), step=9)
    suite = ElementTree.fromstring(to_junit(labelfree.gate(history=path, plateau=S)))
    assert "collapse" in [f.get("type") for f in suite.iter("failure")]


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b", "a<b>&\"'", "a\x1b[31m", "]]>", "ü😀"])
def test_junit_is_xml_whatever_the_source_is_called(name: str) -> None:
    text = to_junit(verdict(report({S: 0.5}, source=name), require=f"{S} >= 0.6"))
    assert ElementTree.fromstring(text.encode()).tag == "testsuites"
    assert text == to_junit(verdict(report({S: 0.5}, source=name), require=f"{S} >= 0.6"))


def test_annotations_are_workflow_commands_the_gravest_first() -> None:
    lines = commands(mixed())
    assert [line.split(" ", 1)[0] for line in lines] == ["::error", "::warning", "::notice"]
    assert commands(mixed(), warnings=False) == lines[:2]
    assert all(re.fullmatch(r"::(error|warning|notice) title=[^:,]+::\S.*", line) for line in lines)


def test_annotations_escape_what_github_would_read_as_its_own() -> None:
    found = verdict(report({S: 0.5}, source="100%\n::error::x\r"), require=f"{S} >= 0.6")
    (line,) = commands(found)
    assert "\n" not in line
    assert "100%25%0A::error::x%0D" in line


@pytest.mark.parametrize(("failing", "told"), [(MOST, MOST), (MOST + 1, MOST), (50, MOST)])
def test_no_more_annotations_than_github_shows(failing: int, told: int) -> None:
    lines = commands(verdict(report({S: 0.5}), require=[f"{S} >= {1 + i}" for i in range(failing)]))
    assert len(lines) == told
    if failing > MOST:
        assert f"{failing - MOST + 1} more" in lines[-1]


def test_the_summary_keeps_to_its_room() -> None:
    found = verdict(report({S: 0.5}), require=[f"{S} >= {1 + i}" for i in range(300)])
    whole = summary(found)
    size = len(whole.encode())
    assert whole.startswith("### gate: fail (not_met)\n")
    assert summary(found, SUMMARY - size) == whole
    cut = summary(found, SUMMARY - size + 1)
    assert len(cut.encode()) <= size - 1
    assert cut.endswith("(cut: the summary of a step holds 1 MiB)\n")
    assert summary(found, SUMMARY) == ""


def test_outputs_name_the_best_step(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.5] * 9)
    found = outputs(labelfree.gate(history=path, plateau=S))
    assert found == "verdict=stop\nreason=plateau\nexit_code=11\nbest_step=0\n"


def test_github_is_told_without_a_flag(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    places = {"GITHUB_STEP_SUMMARY": str(tmp_path / "s.md"), "GITHUB_OUTPUT": str(tmp_path / "out")}
    asked = ("gate", "now.json", "--require", f"{S} > 0.5", "--json")
    plain = labelfree(*asked, env=places)
    assert (plain.returncode, plain.stderr, (tmp_path / "out").exists()) == (10, "", False)
    (tmp_path / "out").write_text("other=1\n")
    done = labelfree(*asked, env={**places, "GITHUB_ACTIONS": "true"})
    assert (done.returncode, done.stdout) == (10, plain.stdout)
    assert done.stderr.startswith("::error title=")
    assert (tmp_path / "out").read_text() == "other=1\nverdict=fail\nreason=not_met\nexit_code=10\n"
    assert (tmp_path / "s.md").read_text().startswith("### gate: fail (not_met)\n")
    done = labelfree(*asked, env={**places, "GITHUB_ACTIONS": "false"})
    assert (done.returncode, done.stderr) == (10, "")
    done = labelfree(*asked, env={"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "no" / "out")})
    assert done.returncode == 10
    assert "GITHUB_OUTPUT" in done.stderr
    assert "cannot be written" in done.stderr


def test_github_is_told_of_what_was_refused(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    for asked in (
        ("no.json", "--require", f"{S} > 0"),
        ("now.json", "--require", "rnk > 0"),
        ("now.json", "-o", "x.y"),
    ):
        done = labelfree("gate", *asked, env={"GITHUB_ACTIONS": "true"})
        annotation, said = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert annotation == said.replace("labelfree: ", "::error title=labelfree gate::")
        assert labelfree("gate", *asked).stderr == f"{said}\n"


def test_a_gate_is_configured_by_pyproject(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.4}))
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    done = labelfree("gate", "now.json", "-o", "junit.xml")
    assert done.returncode == 10
    assert "with [tool.labelfree.gate] of" in done.stderr
    assert (tmp_path / "junit.xml").read_text().startswith("<?xml")
    assert labelfree("gate", "now.json", "--require", f"{S} >= 0.4").returncode == 0
    done = labelfree("gate", "now.json", "--no-config")
    assert (done.returncode, done.stdout) == (2, "")


def given(**options: Any) -> dict[str, Any]:
    names = ("require", "against", "max_drop", "history", "run", "plateau", "on_undecided", "rule", "warmup", "window")
    return {name: options.get(name) for name in (*names, "confidence", "min_delta", "patience", "stop_at")}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, {"history": "runs/h.jsonl", "plateau": [S], "window": 8, "min_delta": 0.02}),
        ({"window": 7}, {"history": "runs/h.jsonl", "plateau": [S], "window": 7, "min_delta": 0.02}),
        ({"rule": "patience"}, {"history": "runs/h.jsonl", "plateau": [S], "rule": "patience"}),
        ({"require": ["rankme > 1"]}, {"require": ["rankme > 1"]}),
        (
            {"history": "x", "plateau": ["rankme"]},
            {"history": "x", "plateau": ["rankme"], "window": 8, "min_delta": 0.02},
        ),
    ],
)
def test_the_command_line_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], taken: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = 'history = "runs/h.jsonl"\nplateau = "separability"\nwindow = 8\nmin-delta = 0.02\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.labelfree.gate]\n{text}")
    found, _ = configured(given(**asked), tmp_path)
    assert {name: value for name, value in found.items() if value is not None} == taken


def test_the_nearest_file_that_configures_the_gate_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.labelfree.gate]\nagainst = "base.json"\nmax-drop = "rankme=1%"\n')
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'labelfree-user'\n")
    monkeypatch.chdir(inner)
    found, place = configured(given(), inner)
    assert place == tmp_path / "pyproject.toml"
    assert Path(found["against"]) == tmp_path / "base.json"


def test_the_rule_of_the_file_waits_for_a_plateau(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    path = run_of(tmp_path / "h.jsonl", [0.1 * i for i in range(9)])
    (tmp_path / "pyproject.toml").write_text("[tool.labelfree.gate]\nmin-delta = 99\n")
    done = labelfree("gate", "now.json", "--require", f"{S} >= 0.5")
    assert (done.returncode, done.stderr) == (0, "")
    done = labelfree("gate", "--history", path, "--plateau", S)
    assert (done.returncode, done.stderr) == (11, f"labelfree: gate: with {HERE} {tmp_path / 'pyproject.toml'}\n")


@pytest.mark.parametrize(
    ("text", "asked", "message"),
    [
        ('require = "rnk >= 3"', (), "--require: no metric 'rnk'; did you mean 'rankme'?"),
        ('max-drop = "rankme=1%"', (), "--max-drop: a drop needs a baseline"),
        ('against = "no.json"\nmax-drop = "rankme=1%"', (), "no.json: no such file"),
        ('rule = "patience"', ("--plateau", S, "--window", "5"), "--window: has no effect in the rule patience"),
        ('against = "now.json"\nmax-drop = "rankme=1%"', ("-o", "now.json"), "would overwrite the"),
    ],
)
def test_what_the_file_asks_wrongly_is_said_with_the_file(
    labelfree: Program, tmp_path: Path, text: str, asked: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path / "now.json", report({S: 0.5, "rankme": 3.0}))
    run_of(tmp_path / "h.jsonl", [0.5] * 9)
    (tmp_path / "pyproject.toml").write_text(f"[tool.labelfree.gate]\n{text}\n")
    done = labelfree("gate", *(("--history", "h.jsonl") if "--plateau" in asked else (path,)), *asked, "-q")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.endswith(f" (with {HERE} {tmp_path / 'pyproject.toml'})\n")


def test_a_nearer_file_that_cannot_be_read_hands_on_to_no_other(tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    inner = tmp_path / "sub"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    place = inner / "pyproject.toml"
    place.write_bytes(b"# \xe9\n" + CONFIG.replace("0.5", "0.9").encode())
    asked = (sys.executable, "-m", "labelfree", "gate", "../now.json")
    done = subprocess.run(asked, cwd=inner, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{place}: expected TOML in UTF-8, found another encoding at byte 2" in done.stderr
    place.unlink()
    assert subprocess.run(asked, cwd=inner, capture_output=True, check=False).returncode == 0
    place.mkdir()
    done = subprocess.run(asked, cwd=inner, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{place}: cannot be read (Is a directory)" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.labelfree.gate]\nmaxdrop = 'x'\n", "no key 'maxdrop'; did you mean 'max-drop'?"),
        ("[tool.labelfree.gate]\nrequire = 3\n", "require: expected a text or a list of them, found 3"),
        ("[tool.labelfree.gate]\nwindow = 2.5\n", "window: expected a whole number, found 2.5"),
        ("[tool.labelfree.gate]\nmin-delta = true\n", "min-delta: expected a number, found True"),
        ("[tool.labelfree.gate]\nhistory = 3\n", "history: expected a text, found 3"),
        ("[tool.labelfree]\ngate = 3\n", "expected a table [tool.labelfree.gate]"),
        ("[tool.labelfree.rank]\nseed = 3\n", "no key 'rank': only the gate is configured by a file"),
        ("[tool.labelfree.gate\n", "expected TOML"),
    ],
)
def test_a_wrong_file_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)):
        configured(given(), tmp_path)


def test_a_file_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert configured(given(), tmp_path) == (given(), None)


# The recipes of the page: YAML as GitHub and GitLab read it, run lines as they run them.


def recipes() -> list[dict[str, Any]]:
    page = (ROOT / "docs" / "ci.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    for i in range(3):
        (tmp_path / f"epoch_0{i}.parquet").symlink_to(ROOT / "fixtures" / "finetune" / f"epoch_0{i}.parquet")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "labelfree"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m labelfree "$@"\n')
    program.chmod(0o755)
    return tmp_path


class Job:
    """A job of GitHub Actions: steps that share outputs, each run by bash as the runner does."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.said: list[str] = []

    def filled(self, text: str, context: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            found: Any = context
            for name in match[1].split("."):
                found = found[name] if name != "outputs" else found
            return str(found)

        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", value, text)

    def run(self, steps: list[dict[str, Any]], inputs: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
        done: dict[str, dict[str, str]] = {}
        context = {"steps": done, "inputs": inputs or {}, "github": {"action_path": str(ROOT)}}
        for i, step in enumerate(steps):
            if "uses" in step and step["uses"].startswith("./"):
                done[step["id"]] = self.action(step["with"])
            elif "run" in step and "pip install" not in step["run"].split("\n")[0]:
                if "==" in str(step.get("if", "")):
                    left, right = re.fullmatch(r"\$\{\{ ([\w.-]+) == '(\w+)' \}\}", step["if"]).groups()  # type: ignore[union-attr]
                    if self.filled("${{ " + left + " }}", context) != right:
                        continue
                out = self.place / f"out_{len(self.said)}_{i}"
                out.touch()
                environment = {k: self.filled(str(v), context) for k, v in step.get("env", {}).items()}
                environment |= {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(out)}
                self.said.append(self.bash(self.filled(step["run"], context), environment))
                done[step.get("id", str(i))] = dict(line.split("=", 1) for line in out.read_text().splitlines())
        return done

    def action(self, given: Mapping[str, str]) -> dict[str, str]:
        action = yaml.safe_load((ROOT / "action.yml").read_text())
        assert set(given) <= set(action["inputs"])
        inputs = {name: given.get(name, one["default"]) for name, one in action["inputs"].items()}
        done = self.run(action["runs"]["steps"], inputs)
        wanted = {name: re.search(r"outputs\.(\w+)", one["value"])[1] for name, one in action["outputs"].items()}  # type: ignore[index]
        return {name: done["gate"].get(key, "") for name, key in wanted.items()}

    def bash(self, script: str, environment: Mapping[str, str]) -> str:
        path = {"PATH": f"{self.place / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=self.place, capture_output=True,
            text=True, check=False, env={**os.environ, **path, **environment},
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.mark.slow
def test_the_recipes_of_the_page_run(workplace: Path) -> None:
    threshold, plateau, gitlab = recipes()
    job = Job(workplace)
    assert job.run(threshold["jobs"]["gate"]["steps"])["gate"]["verdict"] == "pass"
    assert job.said[-1] == "the gate said pass\n"
    assert (workplace / "junit.xml").exists()
    done = job.run(plateau["jobs"]["gate"]["steps"])
    assert done["gate"]["verdict"] == "continue"
    assert done["gate"]["exit-code"] == "0"
    assert "min-delta 0.5" in (workplace / "summary.md").read_text()
    (script,) = [one["script"] for one in gitlab.values()]
    (workplace / "junit.xml").unlink()
    job.bash("\n".join(line for line in script if "pip install" not in line), {})
    assert (workplace / gitlab["representation"]["artifacts"]["reports"]["junit"]).exists()


def test_the_action_hands_on_what_it_is_given_and_runs_none_of_it(workplace: Path) -> None:
    written(workplace / "a b.json", report({S: 0.5}))
    written(workplace / "base.json", report({S: 0.5}))
    given = {
        "reports": "a b.json\n", "require": f"{S} >= 0.5\n\nrankme > 1\n", "against": "base.json", "install": "none",
        "max-drop": f"{S}=5%", "junit": "j.xml", "exit-zero": "true",
    }  # fmt: skip
    found = Job(workplace).action(given)
    assert found == {"verdict": "fail", "reason": "missing", "exit-code": "10", "best-step": ""}
    assert len(list(ElementTree.parse(workplace / "j.xml").iter("testcase"))) == 3
    run_of(workplace / "h.jsonl", [entry(0.1 * i, 0.01) for i in range(9)])
    judged = {"history": "h.jsonl", "plateau": S, "install": "none", "exit-zero": "true"}
    assert Job(workplace).action(judged)["verdict"] == "continue"
    rule = "--rule=threshold\n\n--stop-at=0.5\n--warmup=2\n--output=a b.md\n"
    assert Job(workplace).action({**judged, "args": rule})["verdict"] == "stop"
    assert "rule threshold: warm-up 2 checks, stop-at 0.5" in (workplace / "a b.md").read_text()
    evil = "$(touch ran) `touch ran`; touch ran\n"
    with pytest.raises(AssertionError, match="touch ran"):
        Job(workplace).action({**given, "require": evil, "max-drop": "", "against": ""})
    with pytest.raises(AssertionError, match="touch ran"):
        Job(workplace).action({**given, "args": evil})
    assert not (workplace / "ran").exists()
