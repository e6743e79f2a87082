"""Imports follow the flow of data, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports import run_of

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "labelfree"
HEAVY = ("torch", "sklearn", "pandas", "pyarrow", "scipy", "matplotlib", "gtda", "transformers", "lightning", "PIL")

# What each part may import of labelfree, beside itself. Data flow one way: source -> blocks -> summaries ->
# trees -> metrics -> survey -> api -> report -> render; nothing imports cli.
# Gating sees reports and histories as plain documents.
ALLOWED = {
    "errors": set(),
    "names": {"errors"},
    "forms": set(),
    "document": {"errors", "forms", "storage"},
    "wording": {"document"},
    "storage": {"errors"},
    "history": {"errors", "forms", "names", "document", "storage", "wording"},
    "gating": {"errors", "names", "document", "history", "wording"},
    "results": set(),
    "arrays": {"errors"},
    "head": {"arrays"},
    "kernels": {"errors", "arrays"},
    "summaries": {"errors", "arrays", "kernels"},
    "trees": {"arrays", "kernels", "summaries"},
    "metrics": {"errors", "arrays", "head", "results", "kernels", "summaries", "trees"},
    "sources": {"errors", "arrays", "document", "head", "storage"},
    "parallel": {"sources.block"},
    "repetitions": {"arrays", "summaries", "sources.block"},
    "survey": {
        "errors",
        "arrays",
        "kernels",
        "summaries",
        "metrics",
        "parallel",
        "repetitions",
        "scores",
        "sources.block",
    },
    "findings": {"metrics", "repetitions", "summaries", "survey"},
    "report": {"results", "document", "metrics.spec"},
    "weights_report": {"results", "report"},
    "layers": {
        "errors",
        "arrays",
        "kernels",
        "metrics",
        "report",
        "results",
        "sources.block",
        "sources.checkpoints",
        "sources.head_names",
        "sources.numpy_files",
        "weights_report",
        "wording",
    },
    "render": {
        "errors",
        "results",
        "document",
        "storage",
        "report",
        "weights_report",
        "metrics.spec",
        "metrics.candidates",
        "wording",
        "history.steps",
    },
    "memory": {"metrics", "parallel", "summaries", "survey", "sources.block", "trees"},
    "scores": {"errors", "arrays", "summaries", "metrics", "sources.block"},
    "models": {"errors", "arrays", "head", "sources", "storage", "summaries"},
    "embedding": {"errors", "document", "head", "kernels", "models", "sources.block", "storage"},
    "adaptation": {"errors", "head", "metrics", "scores", "sources", "survey"},
    "comparing": {"adaptation", "findings", "head", "metrics", "report", "results", "summaries", "survey"},
    "options": {"errors", "names", "metrics", "sources", "adaptation"},
    "model_sources": {
        "comparing",
        "embedding",
        "errors",
        "models.data",
        "models.factories",
        "models.opening",
        "options",
        "report",
        "sources",
        "survey",
    },
    "grouping": {"errors", "arrays", "metrics", "options", "results", "sources", "summaries", "survey"},
    "resources": {"errors", "memory", "metrics", "options", "sources"},
    "api": {
        "resources",
        "options",
        "grouping",
        "errors",
        "kernels",
        "memory",
        "metrics",
        "sources",
        "survey",
        "findings",
        "report",
        "scores",
        "adaptation",
        "comparing",
        "model_sources",
    },
    "watching": {
        "errors",
        "names",
        "document",
        "storage",
        "history",
        "gating",
        "kernels",
        "metrics",
        "sources.block",
        "options",
        "model_sources",
        "api",
    },
    "training": {
        "errors",
        "arrays",
        "names",
        "history",
        "gating",
        "kernels",
        "metrics",
        "models.last_layer",
        "models.pooling",
        "options",
        "sources.block",
        "sources.head_names",
        "summaries",
        "survey",
        "api",
    },
    "cli": {
        "watching",
        "errors",
        "names",
        "wording",
        "document",
        "storage",
        "history",
        "gating",
        "api",
        "comparing",
        "embedding",
        "model_sources",
        "options",
        "layers",
        "report",
        "weights_report",
        "render",
        "metrics",
        "sources",
    },  # fmt: skip,
    "__main__": {"cli"},
    "__init__": {
        "api",
        "embedding",
        "errors",
        "gating",
        "history",
        "layers",
        "metrics",
        "report",
        "results",
        "training",
        "watching",
    },
}


def imports(tree: ast.AST, *, top_level: bool = False) -> Iterator[str]:
    """Modules that a file imports; with top_level, only those that importing the file imports."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        elif not (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            nodes += ast.iter_child_nodes(node)


def violations(part: str, source: str) -> list[str]:
    """Imports that part of the house may not have."""
    found = []
    for name in imports(ast.parse(source)):
        pieces = name.split(".")
        if pieces[0] != "labelfree" or len(pieces) < 2 or pieces[1].startswith("__"):
            continue
        allowed = ALLOWED[part] | {part}
        if pieces[1] not in allowed and ".".join(pieces[1:3]) not in allowed:
            found.append(name)
    return found


def heavy(source: str) -> list[str]:
    """Heavy modules that importing a file would import."""
    return [name for name in imports(ast.parse(source), top_level=True) if name.split(".")[0] in HEAVY]


FILES = sorted(SRC.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SRC)))
def test_imports_follow_the_flow_of_data(file: Path) -> None:
    part = file.relative_to(SRC).parts[0].removesuffix(".py")
    assert part in ALLOWED, f"say in ALLOWED where {part} stands"
    assert violations(part, file.read_text()) == []
    assert heavy(file.read_text()) == []
    if part != "cli":
        assert "typer" not in {name.split(".")[0] for name in imports(ast.parse(file.read_text()))}


DISTRIBUTIONS = {
    "sklearn": "scikit-learn", "gtda": "giotto-tda", "PIL": "pillow", "sentence_transformers": "sentence-transformers",
}  # fmt: skip


def undeclared(source: str) -> set[str]:
    """Packages that a file imports and pyproject.toml does not name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    declared = {re.split(r"[\s<>=!~\[;]", requirement)[0] for requirement in wanted}
    found = {name.split(".")[0] for name in imports(ast.parse(source))} - {*sys.stdlib_module_names, "labelfree"}
    return {name for name in found if DISTRIBUTIONS.get(name, name) not in declared}


def test_every_package_that_is_imported_is_declared() -> None:
    assert set().union(*(undeclared(file.read_text()) for file in FILES)) == set()
    assert undeclared("import numpy, sklearn.cluster, os\ndef f():\n    from tqdm.auto import tqdm") == {"tqdm"}


def test_the_architecture_test_can_fail() -> None:
    assert violations("metrics", "from labelfree.sources import open_source") == [
        "labelfree.sources.opening.open_source"
    ]
    assert violations("report", "def f():\n    import labelfree.cli.main") == ["labelfree.cli.main"]
    assert violations("sources", "from labelfree.errors import SourceError") == []
    assert heavy("import pandas as pd") == ["pandas"]
    assert heavy("try:\n    from scipy import linalg\nexcept ImportError: pass") == ["scipy.linalg"]
    assert heavy("def f():\n    import torch") == []


def loaded_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split("\n")[-2].split()}


RUN = """
from labelfree.cli.main import run
sys.argv = ["labelfree", *{arguments!r}]
assert run() in (0, 2)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["rank", "--help"], ["--version"], ["rnk"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(RUN.format(arguments=arguments)) & {*HEAVY, "numpy"} == set()  # Typer brings pydantic on errors


def test_rank_loads_only_what_it_needs() -> None:
    source = SRC / "demo_data" / "epoch_05.parquet"
    loaded = loaded_by(RUN.format(arguments=["rank", str(source)]))
    assert loaded & set(HEAVY) == {"pyarrow"}


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_gate_and_history_load_no_arrays(tmp_path: Path, form: str) -> None:
    """Typer brings pydantic; neither numpy nor the report model is loaded for a verdict."""
    path = run_of(tmp_path / "h.jsonl", [0.1] * 9)
    for command in (
        ["gate", "--history", str(path), "--plateau", "separability", "--exit-zero"],
        ["history", "show", str(path)],
    ):
        program = f"import sys\n{RUN.format(arguments=[*command, '--format', form])}\nprint(' '.join(sys.modules))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.splitlines()[-1].split())
        assert {name.split(".")[0] for name in loaded} & {*HEAVY, "numpy"} == set()
        assert not loaded & {"labelfree.reports.rows", "labelfree.metrics", "labelfree.commands.api"}


def test_gate_in_python_is_light() -> None:
    assert (
        loaded_by("import labelfree; labelfree.gate; labelfree.history")
        & {*HEAVY, "numpy", "typer", "rich", "pydantic"}
        == set()
    )


def test_the_monitor_loads_no_framework() -> None:
    loaded = loaded_by("import labelfree.training.lightning, labelfree.training.transformers")
    assert loaded & {"torch", "lightning", "pytorch_lightning", "transformers", "accelerate"} == set()


def test_importing_labelfree_is_light() -> None:
    assert loaded_by("import labelfree") & {*HEAVY, "numpy", "typer", "rich", "pydantic"} == set()


def test_the_startup_test_can_fail() -> None:
    assert "pandas" in loaded_by("import pandas")


def test_files_stay_small() -> None:
    lengths = sorted(len(f.read_text().splitlines()) for f in FILES)
    assert lengths[len(lengths) // 2] <= 150
    assert lengths[-1] <= 350
