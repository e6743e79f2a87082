"""The page: one file that asks for nothing, says the answer first, and holds nothing from a file as markup."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from choices import run
from html_pages import SAID, TAGS, Read, checked, renamed
from labelfree.commands.report import Report
from labelfree.documents.finding_codes import CODES
from labelfree.render.files import to_html
from labelfree.render.pages.choices import choice_section
from labelfree.render.pages.markup import Cell, Column, anchor, table
from labelfree.render.pages.page import Answer, Part, Section, page, policy
from labelfree.render.pages.rows import repeated, reports_section

pytestmark = pytest.mark.once

RNG = np.random.default_rng(19)


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    rows = {"a": 1.0, "b": 0.5, "c": 0.25}
    return [
        labelfree.evaluate({"embedding": RNG.normal(size=(300, 8)) * scale ** np.arange(8)}) for scale in rows.values()
    ]


def test_the_policy_lets_its_own_style_and_script_run_and_nothing_else() -> None:
    text = page([Section("a", [Answer("b")], [])])
    for name in ("style", "script"):
        [content] = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in text
    assert policy().startswith("default-src 'none';")
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_the_answer_comes_first_and_every_metric_is_explained(reports: list[Report]) -> None:
    found = checked(to_html([renamed(r, f"epoch_{i}.npy") for i, r in enumerate(reports)], everything=False))
    words = found.words
    assert words.index("of 3 ") < words.index("Sources") < words.index("Findings") < words.index("What the words mean")
    for name in ("rankme", "separability", "mean_cosine"):
        [head] = [given for tag, given in found.elements if given.get("href") == f"#word-{name.replace('_', '-')}"][:1]
        assert head["class"] == "word"
        assert sum(given.get("id") == f"word-{name.replace('_', '-')}" for _, given in found.elements) == 1
    for report in reports:
        value = report["rankme"].value
        assert value is not None
        assert f"{value!r}" in {given.get("data-sort") for _, given in found.elements}


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_from_a_file_is_markup(reports: list[Report], count: int) -> None:
    few = [renamed(r, f"{SAID}_{i}") for i, r in enumerate(reports[:count])]
    found = checked(to_html(few, everything=True))
    assert found.tags.count("script") == 1
    assert SAID[:25] in found.words
    assert "\x1b" not in found.words
    assert "\u202e" not in found.words


def test_hostile_names_in_every_other_place() -> None:
    columns = [Column(SAID), Column(SAID, SAID, numbers=True)]
    cells = [[Cell(SAID, name=True), Cell(SAID, 1.0, SAID, SAID, SAID)]]
    section = Section(SAID, [Answer(SAID, SAID, "bad", [SAID], SAID)], [Part(SAID, table(SAID, columns, cells))])
    found = Read(page([section]))
    assert set(found.tags) <= TAGS
    assert found.tags.count("script") == 1
    assert not any(key.startswith("on") for _, given in found.elements for key in given)
    several = Read(page([section, section]))
    assert several.tags.count("script") == 1


def test_a_choice_with_hostile_names() -> None:
    names = [f"{SAID}{i}" for i in range(4)]
    columns = ("id", "embedding", "logits")
    candidates = {name: {c: one[c] for c in columns} for name, one in zip(names, run(), strict=True)}
    found = labelfree.select(candidates)
    read = checked(page([choice_section(found)]))
    assert read.tags.count("script") == 1
    assert read.words.index(found.decision) < read.words.index("Candidates")
    assert read.tags.count("tr") == 5


def test_doctor_lists_what_is_wrong() -> None:
    report = labelfree.doctor(np.ones((30, 4)))
    found = checked(to_html([report], everything=False))
    for one in report.findings:
        assert one.code in found.words
        assert CODES[one.code].meaning[:40] in found.words
    sound = checked(to_html([labelfree.doctor(RNG.normal(size=(300, 4)))], everything=False))
    assert "nothing wrong" in sound.words


def test_thirty_checkpoints_take_at_most_300_kB(tmp_path: Path) -> None:
    measured = []
    for i in range(3):
        X = RNG.normal(size=(900, 768)) * np.exp(-i * np.arange(768) / 400)
        measured.append(labelfree.evaluate({"embedding": X.astype("float32")}))
    many = [renamed(measured[i % 3], f"runs/finetune/checkpoint_step_{1000 * i:06}.parquet") for i in range(30)]
    path = tmp_path / "x.html"
    labelfree.Reports(many).save(path)
    assert path.stat().st_size <= 300_000
    checked(path.read_text())


def test_the_same_reports_give_the_same_bytes(reports: list[Report], tmp_path: Path) -> None:
    for name in ("a", "b"):
        reports[0].save(tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_what_is_repeated_gives_the_same_numbers(tmp_path: Path) -> None:
    """The line on the page, run as it stands."""
    path = tmp_path / "a b.npy"
    np.save(path, RNG.normal(size=(400, 6)))
    report = labelfree.rank(path, sample=100, seed=3, only=["rankme", "mean_cosine"])
    [line] = [t for t in Read(to_html([report], everything=False)).texts if t.startswith("labelfree.rank(")]
    again: Any = eval(line, {"labelfree": labelfree})
    assert again.metrics == report.metrics


def test_a_call_is_spelled_in_full() -> None:
    assert repeated("opis", ["a"], {"far": [0.01, 0.1], "seed": 0}) == "labelfree.opis('a', far='0.01:0.1', seed=0)"


def test_anchors_hold_no_hostile_characters() -> None:
    assert anchor("word", SAID) == "word-script-alert-1-script-b-onclick-x"
    assert anchor("", "\u202e") == "part"


def test_a_report_of_other_words_has_no_dead_link(reports: list[Report]) -> None:
    entry = reports[0].metrics["rankme"].model_copy(update={"codes": ["of_another_version"], "warnings": [SAID]})
    made = reports[0].model_copy(update={"metrics": {"rankme": entry}, "settings": {}})
    checked(page([reports_section([made])]))
