"""The documents are true: blocks run, references are generated, numbers come from committed results."""

from __future__ import annotations

import doctest
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import labelfree
import oracles
from labelfree import summaries
from labelfree.commands import api, selecting, summarizing
from labelfree.commands import weights as layers_api
from labelfree.commands.explanation import explanation
from labelfree.families.opis import clusters as pseudo_groups
from labelfree.families.selection import labels as label_rows
from labelfree.layers import checkpoint as layers_checkpoint
from labelfree.metrics import METRICS
from labelfree.models import embedding
from labelfree.render import naming
from labelfree.reports.definitions import sections
from labelfree.summaries import fields, hashing
from labelfree.survey import kept
from labelfree.training import monitor
from model_files import sentences, transformer
from repository import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
INTROS = [page for page in PAGES if page.name.endswith(".intro.md")]
RUN = [page for page in PAGES if page not in INTROS]  # docs/generate.py --check holds that a page contains its intro
COMMANDS = ("python3 -m venv", ".venv/bin/pip")
RAN = "--- this block has run ---\n"
EACH = f"""
import json, sys, warnings
from labelfree import FindingWarning
for block in json.load(sys.stdin):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FindingWarning)
        exec(compile(block, "<block>", "exec"), {{"__name__": "__main__"}})
    print({RAN!r}, end="")
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def shown(page: Path) -> dict[str, str]:
    """What a page says that its blocks print: the text that follows right after one."""
    found = re.findall(r"```bash\n((?:(?!```).)*)```\n\n```text\n(.*?)```", page.read_text(), flags=re.DOTALL)
    return dict(found)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _sentences(place: Path) -> None:
    """The sentences with groups under the names of the examples, and their embeddings in another space."""
    table = pq.read_table(ROOT / "fixtures" / "sentences.parquet")
    for name in ("product_id", "item"):
        table = table.append_column(name, table["module"])
    pq.write_table(table, place / "embeddings.parquet")
    rows = np.stack(table["embedding"].to_numpy()).astype(np.float64)
    low = rows.min(axis=0)
    step = np.maximum(rows.max(axis=0) - low, 1e-9) / 255
    others = {
        "reference": rows @ np.random.default_rng(0).normal(size=(384, 64)),
        "int8": low + np.rint((rows - low) / step) * step,
        "new": np.maximum(rows @ np.random.default_rng(1).normal(size=(384, 128)), 0),
    }
    for name, other in others.items():
        flat = pa.FixedSizeListArray.from_arrays(pa.array(other.ravel()), other.shape[1])
        pq.write_table(pa.table({"id": table["id"], "embedding": flat}), place / f"{name}.parquet")


MAIL = ("email", "http", "imaplib", "mailbox", "nntplib", "poplib", "smtpd", "smtplib", "ssl", "telnetlib", "urllib")
"""Modules of the sentences that production has, and the reference has not."""


def _traffic(place: Path) -> None:
    """Sentences as training data and as traffic: half of those not on mail, and the others with those on mail."""
    table = pq.read_table(ROOT / "fixtures" / "sentences.parquet")
    module = np.array(table["module"].to_pylist())
    mail, even = np.isin(module, MAIL), np.arange(len(module)) % 2 == 0
    table = table.append_column("topic", pa.array(np.where(mail, "mail", "other")))
    pq.write_table(table.filter(pa.array(even & ~mail)), place / "train.parquet")
    traffic = table.filter(pa.array(~even | mail))
    pq.write_table(traffic, place / "week.parquet")
    on_mail = np.array(traffic["topic"].to_pylist()) == "mail"
    for day, share in ((1, 0.0), (2, 0.3), (3, 1.0)):
        kept = np.random.default_rng(day).random(len(on_mail)) < np.where(on_mail, share, 0.4)
        pq.write_table(traffic.filter(pa.array(kept)), place / f"day_{day}.parquet")


def _run_with_labels(place: Path) -> None:
    """All checkpoints of a fine-tuning in a directory `run`, and labels of 150 of their rows."""
    shutil.copytree(ROOT / "fixtures" / "finetune", place / "run", ignore=shutil.ignore_patterns("*.safetensors"))
    known = dict(
        zip(*pq.read_table(ROOT / "fixtures" / "digits" / "target_labels.parquet").to_pydict().values(), strict=True)
    )
    ids = pq.read_table(place / "run" / "epoch_00.parquet")["id"].to_pylist()[:150]
    (place / "labels.csv").write_text("\n".join(["id,label", *(f"{i},{known[i]}" for i in ids)]))


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random encoder under the names of the examples."""
    pytest.importorskip("transformers")
    return transformer(tmp_path_factory.mktemp("models") / "model_dir", "BertModel")


@pytest.fixture
def workplace(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A directory with the files that the examples name."""
    from safetensors.numpy import save_file

    _sentences(tmp_path)
    _traffic(tmp_path)
    for i in range(3):
        shutil.copy(ROOT / "fixtures" / "finetune" / f"epoch_0{i}.parquet", tmp_path)
    _run_with_labels(tmp_path)
    for name in ("source.parquet", "target.parquet", "head.safetensors"):
        shutil.copy(ROOT / "fixtures" / "digits" / name, tmp_path)
    shutil.copy(ROOT / "fixtures" / "digits" / "source.parquet", tmp_path / "labelled.parquet")
    save_file({"embed.weight": np.random.default_rng(0).normal(size=(90, 8))}, tmp_path / "model.safetensors")
    if importlib.util.find_spec("transformers"):
        for name in ("model_dir", "checkpoint-1", "checkpoint-2"):
            (tmp_path / name).symlink_to(request.getfixturevalue("small_model"))
        (tmp_path / "texts.txt").write_text("\n".join(sentences(80)))
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "labelfree").write_text(f'#!/bin/sh\nexec {sys.executable} -m labelfree "$@"\n')
    (bin_ / "jq").write_text(
        f"#!{sys.executable}\nimport json, sys\nvalue = json.load(sys.stdin)\n"
        "for key in sys.argv[1].replace('[', '.').replace(']', '').strip('.').split('.'):\n"
        "    value = value[int(key) if key.isdigit() else key]\nprint(value)\n"
    )
    for tool in bin_.iterdir():
        tool.chmod(0o755)
    return tmp_path


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("page", RUN, ids=lambda p: p.name)
def test_shell_blocks_run(page: Path, workplace: Path) -> None:
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}"}
    for block in blocks(page, "bash"):
        if block.startswith(COMMANDS) or "scripts/" in block:
            continue  # .ci/run runs these
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], capture_output=True, text=True, cwd=workplace, env=environment,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        assert done.stdout
        if (told := shown(page).get(block)) is not None:
            assert _lines(done.stdout) == _lines(told), block


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda p: p.name)
def test_python_blocks_run(page: Path) -> None:
    """Each block by itself, in names of its own; the blocks of a page share a process, which imports torch once."""
    found = blocks(page, "python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EACH],
        input=json.dumps(found),
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.count(RAN)
    assert done.returncode == 0, f"{found[said]}\n{done.stderr}"
    assert said == len(found)


@pytest.mark.parametrize("intro", INTROS, ids=lambda p: p.name)
def test_the_blocks_of_an_intro_are_run_with_its_page(intro: Path) -> None:
    page = intro.with_name(intro.name.replace(".intro", ""))
    assert page in RUN
    for language in ("bash", "python"):
        assert set(blocks(intro, language)) <= set(blocks(page, language))


@pytest.mark.once
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


MODULES = [
    api, selecting, summarizing, summaries, hashing, fields, kept,
    label_rows, embedding, layers_api, layers_checkpoint, monitor, naming, pseudo_groups,
    *dict.fromkeys(sys.modules[metric.function.__module__] for metric in METRICS),
]  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_docstring_examples(module: ModuleType) -> None:
    finder = doctest.DocTestFinder()
    tests = [t for t in finder.find(module) if t.examples]
    assert tests
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        runner.run(test)
    assert runner.failures == 0


def test_the_summary_of_a_metric_is_its_first_line_even_with_a_colon() -> None:
    assert {m.name for m in METRICS if ": " in m.explanation.splitlines()[0]} >= {"stable_rank", "lidar"}
    for metric in METRICS:
        heads = [head for head, _ in sections(metric)]
        assert sections(metric)[0] == ("", metric.explanation.splitlines()[0])
        assert "" not in heads[1:]
        assert explanation(metric).startswith(f"{metric.name}\n{metric.explanation.split()[0]} ")


@pytest.mark.once
def test_every_metric_is_documented_in_full() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    for metric in METRICS:
        heads = [head for head, _ in sections(metric)]
        assert {
            "Formula",
            "Input",
            "Range",
            "Undefined",
            "Cost",
            "When it lies",
            "Source",
            "Direction",
            "Holds in",
        } <= set(heads)
        assert ">>>" in metric.explanation
        assert f"\n## {metric.name}\n" in page


@pytest.mark.once
def test_generated_documents_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.once
def test_no_document_tells_to_install_the_other_labelfree() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        assert not re.search(r"pip install (-U |--upgrade )?labelfree\b(?!-eval)", page.read_text()), page


@pytest.mark.once
def test_exit_codes_in_the_reference_are_those_of_the_code() -> None:
    from labelfree.errors import ExitCode

    page = (ROOT / "docs" / "cli.md").read_text()
    listed = {int(code) for code in re.findall(r"^\| (\d+)", page, flags=re.MULTILINE)}
    assert {code for code in ExitCode if code <= 10 or code == 130} - {10} <= listed


@pytest.mark.once
def test_extras_are_those_of_the_design() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert project["name"] == "labelfree-eval"
    wanted = {"torch", "plot", "hf", "lightning", "remote", "ray", "all", "giotto", "test", "dev", "integration"}
    assert set(extras) == wanted
    assert all(requirement.endswith("python_version < '3.13'") for requirement in extras["giotto"])
    assert not any("giotto" in r for name, rs in extras.items() if name != "giotto" for r in rs)
    assert not any(r.startswith(("torch", "matplotlib", "giotto")) for r in project["dependencies"])


# The table "Where other implementations differ": each formula as that code has it, evaluated here.
def entropy(p: NDArray[np.float64], plus: float = 0.0) -> float:
    q = p / p.sum() + plus
    return float(-(q * np.log(q)).sum())


def test_the_table_of_other_implementations(fixture_f: NDArray[np.float64]) -> None:
    sigma = np.array(oracles.singular_values(fixture_f))
    lam = np.array(oracles.variances(fixture_f))
    formulas = {
        "`labelfree` `rankme`": math.exp(entropy(sigma, 1e-7)),
        "`labelfree` `effective_rank`": math.exp(entropy(sigma)),
        "callback of stable-pretraining (torch)": math.exp(entropy(sigma, 1e-5)),
        "graph embedding metrics of google-research": math.exp(entropy(sigma, 1e-12)),
        "reptrix `get_rankme`": math.exp(entropy(lam, 1e-7)),
        "package `rankme`, `RankMe`": entropy(sigma) / math.log(8),
    }
    page = (ROOT / "docs" / "evidence" / "metrics.md").read_text()
    for name, value in formulas.items():
        row = re.search(rf"^\| {re.escape(name)} \| ([\d.]+) \|", page, flags=re.MULTILINE)
        assert row is not None, name
        assert float(row[1]) == pytest.approx(value, abs=6e-8)


def test_the_mean_over_batches_is_not_the_rank() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8192, 256)) * np.arange(1, 257) ** -0.5
    whole = labelfree.metrics.rankme(X).value
    batches = [oracles.rankme(X[i : i + 64]) for i in range(0, 8192, 64)]
    assert whole is not None
    assert np.mean(batches) / whole == pytest.approx(0.26, abs=0.02)


@pytest.mark.once
def test_demo_data_and_fixtures_keep_their_size() -> None:
    demo = sum(f.stat().st_size for f in (Path(labelfree.__file__).parent / "demo_data").iterdir())
    fixtures = sum(f.stat().st_size for f in (ROOT / "fixtures").rglob("*") if f.is_file())
    assert 100_000 < demo <= 500_000
    assert 1_000_000 < fixtures <= 2_000_000


@pytest.mark.once
def test_speed_numbers_come_from_the_result_file() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "rank.json").read_text())
    page = (ROOT / "docs" / "speed.md").read_text()
    for case in results["cases"]:
        assert case["name"] in page
        for ratio in case["ratios"].values():
            assert f"{ratio:.2f}" in page


def evidence() -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / "evidence.json").read_text())


@pytest.mark.once
def test_the_page_of_separability_says_what_was_measured() -> None:
    """Each claim of the prose, against the results that its tables are made of."""
    found = evidence()
    families, runs, classless = found["families"], found["runs"], found["classless"]
    fisher = {name: {u: s["fisher"] for u, s in f["spearman"].items()} for name, f in families.items()}
    base = [v for name, v in fisher.items() if name.startswith("k =")]
    assert np.median([v["separability"] for v in base]) > 0.9  # the right order about a common origin
    assert np.median([v["excess"] for v in base]) < np.median([v["separability"] for v in base])
    for blunt in ("mean far from zero", "normalize none"):
        assert fisher[blunt]["separability"] < 0.7 < fisher[blunt]["robust"]
    for broken in ("6 outliers, mean far from zero", "6 outliers, normalize none"):
        assert fisher[broken]["separability"] < 0.5 < 0.8 < fisher[broken]["robust"]
    assert fisher["6 outliers"]["separability"] > 0.9  # unit rows about the origin
    assert runs["healthy"]["spearman"]["robust"]["accuracy"] > 0.8
    assert runs["healthy"]["spearman"]["separability"]["accuracy"] > 0.7
    assert runs["collapse"]["spearman"]["separability"]["accuracy"] < -0.5
    assert runs["collapse"]["lost_by_picking"]["separability"]["mean"] > 10
    assert classless["all near five points, assigned at random"]["warned"]
    assert classless["a line (rank 1), off the origin"]["warned"]
    assert abs(classless["a line (rank 1), off the origin"]["excess"]) < 0.1
    assert classless["one Gaussian and one far class of 1 %"]["robust"] < 0.1


@pytest.mark.once
def test_no_number_is_called_the_papers() -> None:
    page = (ROOT / "docs" / "separability.md").read_text()
    assert "topo-sep/v1" in page
    assert "could not be read" in page


@pytest.mark.once
def test_every_table_of_separability_is_filled_in() -> None:
    pages = [ROOT / "docs" / "separability.md", ROOT / "docs" / "evidence" / "separability.md"]
    template = "".join(page.with_suffix(".intro.md").read_text() for page in pages)
    page = "".join(page.read_text() for page in pages)
    assert len(re.findall(r"^@[A-Z_]+@$", template, flags=re.MULTILINE)) >= 10
    assert not re.search(r"@[A-Z_]+@", page)


CHECKED = {
    "rankme": {"Eq. 1"}, "rankme_centered": {"Eq. 1"},  # read as "Equation (1)" in the paper's text
    "mmd": {"Lemma 6"},  # the unbiased estimate, as a page that reproduces the paper has it
    # the camera-ready paper of the Transfer Score was read in full
    "transfer_score": {"Eq. 1-5"}, "classifier_nonuniformity": {"Eq. 1-2", "Eq. 1"}, "hopkins": {"Eq. 3"},
    "infomax": {"Eq. 4"},
}  # fmt: skip
"""Numbers of equations that were compared with the text of the paper; what was not has none."""


def test_numbers_of_equations_were_checked() -> None:
    numbered = r"(?:Eqs?\.|[Ee]quation|Definition|Def\.|Lemma|Theorem|Algorithm|Section|Table) \d[\d.]*(?:-\d+)?\b"
    found = {m.name: {*re.findall(numbered, m.explanation.partition("Source:")[2])} for m in METRICS}
    assert {name: numbers for name, numbers in found.items() if numbers} == CHECKED


def test_the_start_page_names_what_estimates_accuracy() -> None:
    page = " ".join((ROOT / "docs" / "index.md").read_text().split())
    named = page.partition("estimate accuracy (kind `estimate`: ")[2].partition(")")[0]
    assert named == ", ".join(f"`{m.name}`" for m in METRICS if m.kind == "estimate")
