"""The pages of real runs that are shipped: whole, small, and what the README says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from html_pages import Read
from repository import ROOT

FOLDER = ROOT / "examples" / "pages"
PAGES = sorted(FOLDER.glob("*.html"))


def test_the_readme_names_every_page() -> None:
    assert {path.name for path in PAGES} == set(re.findall(r"\]\((\w+\.html)\)", (FOLDER / "README.md").read_text()))
    assert len(PAGES) >= 4


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_one_small_file(path: Path) -> None:
    assert path.stat().st_size <= 300_000
    text = path.read_text()
    found = Read(text)
    assert found.open == []
    assert "Content-Security-Policy" in text
    assert not any(key in ("src", "style") or key.startswith("on") for _, given in found.elements for key in given)
    assert all((given.get("href") or "#").startswith("#") for _, given in found.elements)
    assert "/tmp/" not in found.words


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("plateau", "STOP: separability"),
        ("collapse", "LIKELY COLLAPSED"),
        ("checkpoints", "evaluate of 20 sources"),
        ("select", "keep "),
    ],
)
def test_a_page_answers_first(name: str, said: str) -> None:
    words = Read((FOLDER / f"{name}.html").read_text()).words
    assert said in words
    assert words.index(said) < words.index("What the words mean")
