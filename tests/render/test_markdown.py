"""Names go into Markdown as text: whatever they hold, it has no HTML, link, picture or code of theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from safetensors.numpy import save_file

import labelfree
from labelfree import history
from labelfree.documents.wording import cell
from labelfree.gating.curves import curves
from labelfree.render.pictures.histories import to_markdown as history_to_markdown
from labelfree.render.tables.layers import to_markdown as layers_to_markdown
from labelfree.render.tables.text import to_markdown
from labelfree.render.verdicts.github import summary

pytestmark = pytest.mark.once

NAME = "<img src=x onerror=alert(1)>&lt;[a](b)![c](d)|`e`\\|<!--step_1"
PLAIN = {"inline", "text", "softbreak", "paragraph", "heading", "bullet_list", "list_item"}
PLAIN |= {"table", "thead", "tbody", "tr", "th", "td"}


def read(markdown: str) -> tuple[set[str], str]:
    """The kinds of what a reader of Markdown finds, and the text that it shows."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    every = [inner for token in tokens for inner in (token, *(token.children or ()))]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in every}
    return kinds, "".join(token.content for token in every if token.type.startswith("text"))


@pytest.mark.parametrize("of", ["rank", "weights", "gate", "history"])
def test_names_are_text_in_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"{NAME}.npy"
    np.save(source, np.random.default_rng(0).normal(size=(60, 4)))
    report = labelfree.rank(source)
    if of == "rank":
        text = to_markdown([report, report], everything=True)
    elif of == "weights":
        save_file({NAME: np.random.default_rng(0).normal(size=(64, 32))}, tmp_path / "m.safetensors")
        text = layers_to_markdown([labelfree.weights("m.safetensors")], everything=True)
    elif of == "gate":
        Path(f"{NAME}.json").write_text(report.to_json())
        text = summary(labelfree.gate(f"{NAME}.json", require="rankme >= 1"))
    else:
        history.append(f"{NAME}.jsonl", report, step=1, run=NAME)
        text = history_to_markdown(curves(f"{NAME}.jsonl", run=NAME, only=["rankme"], everything=False, min_delta=None))
    kinds, shown = read(text)
    assert kinds <= PLAIN
    assert NAME in shown


@given(st.text(st.sampled_from("ab <>&[]()!|`\\*_\n\u2028"), max_size=12))
def test_a_cell_begins_no_markup(name: str) -> None:
    for markdown in (f"a {cell(name)} b\n", f"| a | b |\n|---|---|\n| x{cell(name)}x | y |\n"):
        kinds, shown = read(markdown)
        assert kinds <= {*PLAIN, "em", "strong"}
        if not {"em", "strong"} & kinds and not {" ", "\n", "\u2028"} & {*name}:
            assert name in shown


def test_a_cell_holds_nothing_that_steers_a_terminal() -> None:
    assert cell("a\x1b[31m\x7f\x85b\u202e") == "a\\u001b\\[31m\\u007f b\\u202e"
