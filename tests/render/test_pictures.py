"""Names in pictures are text: no formula, no byte that is no text, nothing that a legend leaves out."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import labelfree
from labelfree.render.pictures.canvas import drawn_name
from labelfree.render.pictures.panels import draw


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        (b"a.npy", "a.npy"),
        (b"_a$x^$.npy", r" _a\$x^\$.npy"),
        (b"\xff$.npy", r"\udcff\$.npy"),
        (b"a\x1b[31m\x7f.npy", r"a\u001b[31m\u007f.npy"),
        (b"x" * 200 + b".npy", "x" * 76 + " ..."),
    ],
)
def test_any_name_of_a_file_can_be_drawn(name: bytes, drawn: str, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    with path.open("wb") as stream:
        np.save(stream, np.random.default_rng(0).normal(size=(60, 4)))
    assert drawn_name(str(path)) == drawn
    reports = [labelfree.rank(path, only=["rankme"]), labelfree.separability(path, only=["separability"])]
    for number, shown in enumerate((reports[:1], reports[1:], reports[:1] * 2)):
        draw(shown, tmp_path / f"{number}.svg")
        ElementTree.parse(tmp_path / f"{number}.svg")
