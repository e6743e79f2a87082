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

from labelfree.catalog import CATALOG, COMMANDS
from reports import run_of

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "labelfree"
HEAVY = (
    "torch",
    "sklearn",
    "pandas",
    "pyarrow",
    "scipy",
    "matplotlib",
    "gtda",
    "transformers",
    "lightning",
    "PIL",
    "ray",
)

# What each wing may import of labelfree, beside itself. Data flow one way: errors <- arrays <- summaries <- evidence <-
# families <- survey <- reports <- render <- commands <- cli, training. Sources and families never import each other,
# render sees reports alone, gating and history see reports as plain documents, and nothing imports cli.
GROUND = {"errors", "arrays", "catalog", "head", "progress", "results", "documents.findings"}
GROUND |= {"documents.finding_codes"}
ALLOWED = {
    "errors": set(),
    "progress": set(),
    "results": {"documents.findings"},
    "catalog": {"errors"},
    "arrays": {"errors"},
    "head": {"arrays"},
    "documents": {"errors", "catalog", "results"},
    "history": {"errors", "catalog", "documents"},
    "gating": {"errors", "catalog", "documents", "history"},
    "kernels": {"errors", "arrays", "progress"},
    "summaries": {"errors", "arrays", "kernels"},
    "trees": {"arrays", "kernels", "progress", "summaries"},
    "evidence": GROUND | {"kernels", "summaries"},
    "families": GROUND | {"kernels", "summaries", "trees", "evidence"},
    "metrics": {"evidence", "families"},
    "sources": {"errors", "arrays", "head", "documents", "summaries.encoding", "summaries.fields"},
    "survey": GROUND
    | {"kernels", "summaries", "evidence", "families", "sources", "documents.files", "documents.wording"},
    "layers": {"errors", "arrays", "kernels", "families", "sources", "documents.stores"},
    "models": {"errors", "arrays", "head", "progress", "kernels", "summaries", "sources", "documents"},
    "reports": {"errors", "catalog", "results", "documents", "history.steps", "families"},
    "render": {"errors", "catalog", "results", "documents", "history.steps", "reports"},
    "commands": GROUND
    | {"documents", "history", "gating", "kernels", "summaries", "trees", "evidence", "families", "sources", "survey"}
    | {"layers", "models", "reports", "render"},
    "training": GROUND
    | {"history", "gating", "kernels", "summaries", "evidence", "families", "sources", "survey", "models", "commands"},
    "cli": {"errors", "catalog", "documents", "history", "gating", "families", "sources.block", "models"}
    | {"reports", "render", "commands"},
    "__main__": {"cli"},
    "__init__": {
        "commands",
        "documents.origin",
        "documents.findings",
        "errors",
        "gating",
        "history",
        "metrics",
        "models",
        "results",
        "summaries",
    }
    | {"training"},
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
        elif top_level and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
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
    opened = "from labelfree.sources.opening import open_source"
    assert violations("families", opened) == ["labelfree.sources.opening.open_source"]
    assert violations("reports", "def f():\n    import labelfree.cli.main") == ["labelfree.cli.main"]
    assert violations("families", "if TYPE_CHECKING:\n    from labelfree.survey.found import Survey") == [
        "labelfree.survey.found.Survey"
    ]
    assert violations("sources", "from labelfree.errors import SourceError") == []
    assert heavy("import pandas as pd") == ["pandas"]
    assert heavy("try:\n    from scipy import linalg\nexcept ImportError: pass") == ["scipy.linalg"]
    assert heavy("def f():\n    import torch") == []


def modules(root: Path) -> dict[str, str]:
    """The source of every module below a package, by its dotted name."""
    found = {}
    for file in sorted(root.rglob("*.py")):
        name = ".".join([root.name, *file.relative_to(root).with_suffix("").parts])
        found[name.removesuffix(".__init__")] = file.read_text()
    return found


def arrows(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each module imports, in functions and for type checkers too."""
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        targets = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    targets.add(whole if whole in sources else node.module)
        found[name] = {target for target in targets if target in sources and target != name}
    return found


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The sets of modules that reach one another by imports."""
    reached = {start: set(graph[start]) for start in graph}
    for start, found in reached.items():
        waiting = list(found)
        while waiting:
            more = graph[waiting.pop()] - found
            found |= more
            waiting += more
        reached[start] = found
    found_circles: list[set[str]] = []
    for name in graph:
        circle = {other for other in reached[name] if name in reached[other]}
        if circle and circle not in found_circles:
            found_circles.append(circle)
    return found_circles


def test_no_module_imports_itself_by_others() -> None:
    graph = arrows(modules(SRC))
    del graph["labelfree"]  # the face of the package: its names are imported on first use, and its version by many
    assert circles({name: targets - {"labelfree"} for name, targets in graph.items()}) == []


def test_the_search_for_circles_can_fail() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []
    hidden = {"p.a": "def f():\n    from p import b", "p.b": "if TYPE_CHECKING:\n    from p.a import f", "p": ""}
    assert circles(arrows(hidden)) == [{"p.a", "p.b"}]


def private(source: str) -> list[str]:
    """Private names that a file imports from another one of labelfree."""
    return [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "labelfree"
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]


def test_no_private_name_crosses_a_file() -> None:
    everywhere = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").glob("*.py")]
    assert {file: found for file in everywhere if (found := private(file.read_text()))} == {}
    assert private("from labelfree.arrays import Float, _hidden") == ["labelfree.arrays._hidden"]


def branches_on_commands(source: str) -> list[str]:
    """Comparisons of something called command with the name of one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        words = {c.value for side in sides for c in ast.walk(side) if isinstance(c, ast.Constant)}
        asked = any("command" in ast.unparse(side) for side in sides)
        if asked and words & {command.name for command in COMMANDS}:
            found.append(ast.unparse(node))
    return found


def test_no_place_branches_on_the_name_of_a_command() -> None:
    assert {file: found for file in FILES if (found := branches_on_commands(file.read_text()))} == {}
    assert branches_on_commands("if report.command == 'doctor': pass") == ["report.command == 'doctor'"]
    assert branches_on_commands("x = document.get('command') in ('opis', 'rank')") != []
    assert branches_on_commands("if command.by_epoch: pass") == []


def splits_lines(source: str) -> list[str]:
    """Where lines are split at every character that Unicode calls a break: JSON holds some of them as they are."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(source)) if getattr(node, "attr", "") == "splitlines"]


def test_no_document_is_split_where_it_has_no_line_feed() -> None:
    found = {str(file.relative_to(SRC)) for file in FILES if splits_lines(file.read_text())}
    words = {"documents/wording.py", "reports/definitions.py", "models/batching.py"}  # names, docstrings, the system's
    assert found == words
    assert splits_lines("for line in text.splitlines(): pass") == ["text.splitlines"]
    assert splits_lines("text.split('\\n')") == []


def test_every_family_is_a_folder_and_every_folder_a_family() -> None:
    folders = {path.name for path in (SRC / "families").iterdir() if path.is_dir() and path.name != "__pycache__"}
    without_metrics = {"selection"}  # it chooses among candidates
    assert folders == {entry.family for entry in CATALOG} | without_metrics
    for entry in CATALOG:
        assert (SRC / "families" / f"{entry.file}.py").exists(), entry


def test_the_top_level_is_seen_at_a_glance() -> None:
    entries = {path.name for path in SRC.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert len(entries) <= 26, sorted(entries)
    assert entries >= {"catalog.py", "families", "evidence", "survey", "reports", "render", "commands", "cli"}


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
        assert not loaded & {"labelfree.reports.rows", "labelfree.families.spec", "labelfree.commands.api"}


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
