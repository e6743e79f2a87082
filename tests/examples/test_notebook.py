"""The example notebook runs from its first cell to its last in a real Jupyter kernel, and shows what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import labelfree
from repository import ROOT

NOTEBOOK = ROOT / "examples" / "notebook" / "first_look.ipynb"
MISSING = [name for name in ("nbconvert", "ipykernel", "matplotlib") if find_spec(name) is None]


def test_it_is_kept_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The outputs of every cell, by its code."""
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}: pip install -c constraints.txt -e '.[integration,plot]'")
    place = tmp_path_factory.mktemp("jupyter")
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    environment = {**kept, **{name: str(place / name.lower()) for name in own}}
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", str(NOTEBOOK)]
    done = subprocess.run(
        [*command, "--output-dir", str(place), "--output", "ran.ipynb"], capture_output=True, text=True, cwd=place,
        env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = json.loads((place / "ran.ipynb").read_text())["cells"]
    return {"".join(c["source"]): c["outputs"] for c in cells if c["cell_type"] == "code"}


def data(outputs: list[dict[str, Any]]) -> dict[str, str]:
    """What a cell shows, by kind; it shows one thing."""
    (one,) = outputs
    return {kind: "".join(said) for kind, said in one["data"].items()}


@pytest.mark.slow
@pytest.mark.integration
def test_the_notebook_runs_and_shows_tables(shown: dict[str, list[dict[str, Any]]]) -> None:
    for code, outputs in shown.items():
        assert not any(out["output_type"] == "error" for out in outputs), code
        assert not any(out.get("name") == "stderr" for out in outputs), (code, outputs)
    path = Path(labelfree.__file__).parent / "demo_data" / "epoch_07.parquet"
    report = data(shown["report = labelfree.rank(epochs[-1])\nreport"])
    assert report["text/html"] == labelfree.rank(path)._repr_html_()
    assert len(report["text/plain"].splitlines()) <= 3
    run = data(shown["run = labelfree.separability(epochs)\nrun"])
    assert run["text/html"].count("<tr>") == 1 + 6
    assert run["text/plain"].splitlines()[-1].startswith("highest separability: ")


@pytest.mark.integration
def test_a_picture_is_shown_once(shown: dict[str, list[dict[str, Any]]]) -> None:
    (picture,) = (outputs for code, outputs in shown.items() if code.startswith("run.plot("))
    assert "image/png" in data(picture)


@pytest.mark.integration
def test_words_are_shown_with_their_line_breaks(shown: dict[str, list[dict[str, Any]]]) -> None:
    assert data(shown['labelfree.explain("separability")'])["text/plain"].startswith("separability\n")
    (why,) = (outputs for code, outputs in shown.items() if code.startswith("try:"))
    assert "needs views of the same items" in "".join(why[0]["text"])
