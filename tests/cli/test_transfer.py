"""labelfree transfer and labelfree.transfer: targets, epochs, domains, sources, heads, audits, candidates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import labelfree
from labelfree import metrics
from labelfree.cli.main import run
from labelfree.errors import ArrayError, RowsError, SourceError, UsageError
from printouts import one_report
from program import Program
from repository import ROOT

pytestmark = pytest.mark.once

FIXTURES = ROOT / "fixtures"
DIGITS = FIXTURES / "digits"
UNREAD = "no metric here uses labels of the target; --audit label shows the true accuracy beside the estimates"
Matrix = NDArray[np.float64]


def lists(rows: Matrix) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), rows.shape[1])


def case(n: int = 200, d: int = 8, classes: int = 4, seed: int = 0) -> tuple[Matrix, Matrix, Matrix, NDArray[np.int64]]:
    """Rows about a center per class, their logits by a head that points at the centers, head, labels."""
    r = np.random.RandomState(seed)
    centers, y = 2 * r.normal(size=(classes, d)), r.randint(0, classes, n)
    X = centers[y] + r.normal(size=(n, d))
    return X, X @ centers.T / 4, centers / 4, y


def write(path: Path, X: Matrix, L: Matrix | None = None, **columns: Any) -> Path:
    fields: dict[str, Any] = {"embedding": lists(X)}
    if L is not None:
        fields["logits"] = lists(L)
    pq.write_table(pa.table({**fields, **columns}), path)
    return path


def called(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["labelfree", *map(str, arguments)])
    code = run()
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_gives_what_the_functions_of_arrays_give(tmp_path: Path) -> None:
    X, L, W, _y = case()
    Xs, Ls, _, ys = case(seed=0, n=300)
    target = write(tmp_path / "target.parquet", X, L)
    source = write(tmp_path / "source.parquet", Xs, Ls, label=ys)
    np.save(tmp_path / "head.npy", W)
    report = labelfree.transfer(target, source=source, head=tmp_path / "head.npy", sample="all")
    same = {
        "transfer_score": metrics.transfer_score(X, L, W),
        "classifier_nonuniformity": metrics.classifier_nonuniformity(W),
        "infomax": metrics.infomax(L),
        "nuclear_norm": metrics.nuclear_norm(L),
        "snd": metrics.snd(L, sample=None),
        "average_confidence": metrics.average_confidence(L),
        "source_accuracy": metrics.source_accuracy(Ls, ys),
        "doc": metrics.doc(L, Ls, ys),
        "atc_mc": metrics.atc_mc(L, Ls, ys),
        "atc_ne": metrics.atc_ne(L, Ls, ys),
        "cot": metrics.cot(L, Ls, ys),
        "coral": metrics.coral(X, Xs),
        "frechet": metrics.frechet(X, Xs),
    }
    for name, expected in same.items():
        assert report[name].value == pytest.approx(expected.value, rel=1e-9), name
    assert report.input.head is not None
    assert (report.input.head.origin, report.input.head.key) == ("given", f"{tmp_path}/head.npy")
    assert report.input.head.residual == pytest.approx(0, abs=1e-12)
    assert report.input.outputs is not None
    assert report.input.source is not None
    assert (report.input.outputs.column, report.input.source.n) == ("logits", 300)


def test_a_dict_of_arrays_is_a_target_and_a_source() -> None:
    X, L, W, y = case()
    given = labelfree.transfer({"embedding": X, "logits": L}, source={"embedding": X, "logits": L, "label": y}, head=W)
    assert given["source_accuracy"].value == pytest.approx((L.argmax(axis=1) == y).mean())
    assert given.settings["head"] == "ndarray"
    assert given.settings["source"] == "dict"
    assert json.loads(given.to_json())["input"]["head"]["classes"] == 4


def test_columns_per_dimension_and_per_class_are_the_same_as_lists(tmp_path: Path) -> None:
    X, L, W, _ = case()
    wide = {f"f_{j}": X[:, j] for j in range(8)} | {f"logit_{j}": L[:, j] for j in range(4)}
    pq.write_table(pa.table(wide), tmp_path / "wide.parquet")
    one = labelfree.transfer(write(tmp_path / "lists.parquet", X, L), head=W)
    two = labelfree.transfer(tmp_path / "wide.parquet", head=W)
    assert {n: e.value for n, e in one.metrics.items()} == {n: e.value for n, e in two.metrics.items()}


def test_the_head_is_recovered_where_it_is_determined_else_the_score_is_partial(tmp_path: Path) -> None:
    X, L, W, _ = case()
    recovered = labelfree.transfer({"embedding": X, "logits": L + 1.5})
    given = labelfree.transfer({"embedding": X, "logits": L + 1.5}, head=W)
    assert recovered.input.head is not None
    assert recovered.input.head.origin == "recovered"
    assert recovered["transfer_score"].value == pytest.approx(given["transfer_score"].value, rel=1e-8)
    p = np.exp(L) / np.exp(L).sum(axis=1, keepdims=True)
    for target in ({"embedding": X[:8], "logits": L[:8]}, {"embedding": X, "probs": p}):
        score = labelfree.transfer(target)["transfer_score"]
        assert (score.value, score.status, score.reason_code) == (None, "partial", "no_head")
        assert score.parts["h"] is not None
        assert score.parts["m"] is not None
        assert score.parts["u"] is None


def test_probabilities_serve_where_logits_do(tmp_path: Path) -> None:
    X, L, W, _ = case()
    p = np.exp(L) / np.exp(L).sum(axis=1, keepdims=True)
    of_p, of_l = (labelfree.transfer({"embedding": X, name: z}, head=W) for name, z in (("probs", p), ("logits", L)))
    for name in ("transfer_score", "entropy", "nuclear_norm", "snd", "mcc"):
        assert of_p[name].value == pytest.approx(of_l[name].value, rel=1e-9)
    with pytest.raises(RowsError, match=r"'probs': expected probabilities that sum to 1, found row 0"):
        labelfree.transfer({"embedding": X, "probs": L}, head=W)


def test_logits_are_computed_from_the_head_where_there_are_none(tmp_path: Path) -> None:
    X, L, W, y = case()
    with_logits = labelfree.transfer({"embedding": X, "logits": L}, head=W)
    without = labelfree.transfer({"embedding": X}, head=W, source={"embedding": X, "label": y})
    assert without["infomax"].value == pytest.approx(with_logits["infomax"].value, rel=1e-12)
    assert without["source_accuracy"].value == pytest.approx((L.argmax(axis=1) == y).mean())


def test_features_that_are_not_the_input_of_the_head_are_told(tmp_path: Path) -> None:
    X, L, W, _ = case()
    report = labelfree.transfer({"embedding": np.maximum(X, 0), "logits": L}, head=W)
    assert any("the features are not the input of the head" in w for w in report.warnings)


def test_target_labels_are_read_for_an_audit_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, W, y = case()
    target, source = write(tmp_path / "t.parquet", X, L, label=y), write(tmp_path / "s.parquet", X, L, label=y)
    np.save(tmp_path / "head.npy", W)
    plain = (target, "--head", tmp_path / "head.npy", "--source", source)
    code, out, err = called(capsys, monkeypatch, "transfer", *plain)
    assert code == 0
    assert err == f"labelfree: {target}: column 'label' was not read: {UNREAD}\n"
    assert "truly" not in out
    code, out, err = called(capsys, monkeypatch, "transfer", *plain, "--audit", "label", "--json")
    document = one_report(out)
    accuracy = (L.argmax(axis=1) == y).mean()
    assert document["audit"]["accuracy"] == pytest.approx(accuracy)
    for name in ("doc", "atc_mc", "cot", "average_confidence"):
        entry = document["metrics"][name]
        assert entry["parts"]["audit_difference"] == pytest.approx(entry["value"] - accuracy)
    assert any("audit: the labels in column 'label' were used" in w for w in document["warnings"])
    code, out, _ = called(capsys, monkeypatch, "transfer", *plain, "--audit", "label")
    assert f"truly {accuracy:.3f}" in out


def test_source_and_target_in_one_file(tmp_path: Path) -> None:
    X, L, W, y = case()
    domain = np.where(np.arange(200) % 3 == 0, "source", "target")
    both = write(tmp_path / "both.parquet", X, L, label=y, domain=domain)
    report = labelfree.transfer(both, head=W)
    s, t = domain == "source", domain == "target"
    apart = labelfree.transfer(
        {"embedding": X[t], "logits": L[t]}, source={"embedding": X[s], "logits": L[s], "label": y[s]}, head=W
    )
    assert (report.input.n, report.input.source and report.input.source.n) == (t.sum(), s.sum())
    for name in ("transfer_score", "source_accuracy", "atc_mc", "coral", "frechet"):
        assert report[name].value == pytest.approx(apart[name].value, rel=1e-6 if name == "transfer_score" else 1e-9)
    with pytest.raises(UsageError, match="leave out source"):
        labelfree.transfer(both, source=both, head=W)
    odd = write(tmp_path / "odd.parquet", X, L, domain=np.where(s, "a", "b"))
    with pytest.raises(UsageError, match="column 'domain': expected rows of 'target'"):
        labelfree.transfer(odd, head=W)


def test_epochs_in_one_file_are_data_sets_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, W, _ = case(n=60)
    scale = np.repeat([0.1, 0.5, 1.0, 1.001, 1.002], 60)[:, None]
    path = write(
        tmp_path / "run.parquet", np.tile(X, (5, 1)), np.tile(L, (5, 1)) * scale,
        epoch=np.repeat(np.arange(5), 60), id=np.tile(np.arange(60), 5),
    )  # fmt: skip
    np.save(tmp_path / "head.npy", W)
    history = tmp_path / "h.jsonl"
    code, out, _err = called(
        capsys, monkeypatch, "transfer", path, "--head", tmp_path / "head.npy", "--json", "--append", history, "-q"
    )
    assert code == 0
    document = json.loads(out)
    names = [report["input"]["sources"][0] for report in document["reports"]]
    assert names == [f"{path} epoch {e}" for e in range(5)]
    found = document["across"]["saturation"]
    scores = [report["metrics"]["transfer_score"]["value"] for report in document["reports"]]
    assert found["saturated"]
    assert found["window"] == [names[2], names[4]]
    assert found["best"] == names[2 + int(np.argmax(scores[2:5]))]
    assert [json.loads(line)["step"] for line in history.read_text().splitlines()] == list(range(5))
    assert all(report["metrics"]["ensv"]["value"] == 1.0 for report in document["reports"])  # argmax does not move
    with pytest.raises(UsageError, match="holds 5 epochs"):
        labelfree.transfer(path, head=W)


def test_candidates_are_compared_on_the_rows_they_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _W, _ = case()
    other = case(seed=5)[1]
    order = np.random.default_rng(0).permutation(200)
    a = write(tmp_path / "a.parquet", X, L, id=np.arange(200))
    b = write(tmp_path / "b.parquet", X[order], other[order], id=np.arange(200)[order])
    code, out, _ = called(capsys, monkeypatch, "transfer", a, b, "--only", "ensv,gde", "--json", "-q")
    assert code == 0
    found = [report["metrics"] for report in json.loads(out)["reports"]]
    assert found[0]["ensv"]["value"] == pytest.approx(metrics.ensv(L, other).value)
    assert found[1]["gde"]["value"] == pytest.approx(metrics.gde(other, L).value)
    c = write(tmp_path / "c.parquet", X, L, id=np.arange(1, 201))
    code, out, _ = called(capsys, monkeypatch, "transfer", a, c, "--only", "ensv", "--json", "-q")
    assert code == 3
    assert json.loads(out)["reports"][0]["metrics"]["ensv"]["reason_code"] == "other_rows"


def test_evaluate_reads_class_scores_where_there_are_some(tmp_path: Path) -> None:
    X, L, W, _ = case()
    with_scores = labelfree.evaluate(write(tmp_path / "a.parquet", X, L), head=W)
    assert with_scores["transfer_score"].value == pytest.approx(metrics.transfer_score(X, L, W).value)
    without = labelfree.evaluate(write(tmp_path / "b.parquet", X))
    assert "transfer_score" not in without.metrics
    assert without["rankme"].value == with_scores["rankme"].value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--head", "missing.npy"], "missing.npy"),
        (["--variant", "own"], "'own'"),
        (["--source", "missing.parquet"], "missing.parquet: no such file"),
        (["--audit", "truth"], "no column 'truth'"),
        (["--logits", "scores"], "no column 'scores'"),
    ],
)
def test_what_cannot_be_is_refused_with_2_and_nothing_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    X, L, _, _ = case()
    monkeypatch.chdir(tmp_path)
    target = write(tmp_path / "t.parquet", X, L)
    code, out, err = called(capsys, monkeypatch, "transfer", target, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_labels_that_are_no_class_numbers_are_refused() -> None:
    X, L, _W, y = case()
    for labels, said in ((y + 1, "found 4 at row"), (np.array(["cat"] * 200), "found 'cat' at row 0")):
        with pytest.raises(SourceError, match=f"expected class numbers 0 to 3.*{said}"):
            labelfree.transfer({"embedding": X, "logits": L}, source={"embedding": X, "logits": L, "label": labels})


def test_rows_with_bad_class_scores_are_bad_rows() -> None:
    X, L, W, _ = case()
    L[3, 1] = np.nan
    with pytest.raises(RowsError, match="frame: logits: 1 of 200 rows hold NaN or infinity, first at row 3"):
        labelfree.transfer({"embedding": X, "logits": L}, head=W)
    both = X.copy()
    both[7, 0] = np.inf
    with pytest.raises(RowsError, match="frame: embedding and logits: 2 of 200 rows hold NaN or infinity, first at"):
        labelfree.transfer({"embedding": both, "logits": L}, head=W)
    with pytest.raises(RowsError, match="frame: embedding: 1 of 200 rows hold NaN or infinity, first at row 7"):
        labelfree.transfer({"embedding": both}, head=W)
    dropped = labelfree.transfer({"embedding": X, "logits": L}, head=W, on_bad="drop")
    kept = np.delete(np.arange(200), 3)
    assert dropped.input.n == 199
    assert dropped["infomax"].value == pytest.approx(metrics.infomax(L[kept]).value, rel=1e-12)


def test_the_real_fixture(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = called(
        capsys, monkeypatch, "transfer", DIGITS / "target.parquet", "--source", DIGITS / "source.parquet", "--head",
        DIGITS / "head.safetensors",
    )  # fmt: skip
    assert code == 0
    assert "head:" in out
    assert "not computed: ensv, gde: needs at least 2 candidates on the same ids" in out.replace("\n", " ")


SCALES = (0.1, 0.5, 1.0, 1.001, 1.002, 3.0)
"""How sure the checkpoints of a run are: the Transfer Score stands still from the third to the fifth."""


def checkpoints(folder: Path, names: Sequence[str], scales: Sequence[float] = SCALES) -> tuple[list[Path], Path]:
    """One target file a checkpoint, and the head of all of them."""
    X, L, W, y = case(n=60)
    np.save(folder / "head.npy", W)
    files = [
        write(folder / name, X, L * scale, id=np.arange(60), label=y) for name, scale in zip(names, scales, strict=True)
    ]
    return files, folder / "head.npy"


def test_saturation_follows_the_steps_in_the_names_not_the_order_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, head = checkpoints(tmp_path, [f"epoch_{e}.parquet" for e in range(7, 13)])
    found = []
    for given in (files, sorted(files)):  # the shell sorts 10, 11, 12, 7, 8, 9
        _, out, _ = called(
            capsys, monkeypatch, "transfer", *given, "--head", head, "--only", "transfer_score", "--json", "-q"
        )
        found.append(json.loads(out)["across"]["saturation"])
    assert found[0] == found[1]
    assert found[0]["order"] == "step"
    assert found[0]["window"] == [str(files[2]), str(files[4])]
    _, out, _ = called(capsys, monkeypatch, "transfer", *sorted(files), "--head", head, "--only", "transfer_score")
    assert "stood still by epoch_11" in out
    X, L, W, _ = case(n=60)
    named = [write(tmp_path / f"{name}.parquet", X, L * s) for name, s in zip("cab", (1.0, 1.001, 1.002), strict=True)]
    np.save(tmp_path / "head.npy", W)
    _, out, _ = called(
        capsys, monkeypatch, "transfer", *named, "--head", head, "--only", "transfer_score", "--json", "-q"
    )
    assert json.loads(out)["across"]["saturation"]["order"] == "given"
    assert json.loads(out)["across"]["saturation"]["window"] == [str(named[0]), str(named[2])]


@pytest.mark.parametrize("prefix", ["", "epoch_"])
def test_epochs_written_as_text_are_in_the_order_of_their_numbers(tmp_path: Path, prefix: str) -> None:
    from labelfree.sources.block import Columns
    from labelfree.survey.targets import Setting, open_targets

    X, L, _, _ = case(n=60)
    epochs = np.repeat([f"{prefix}{e}" for e in (10, 2, 1)], 20)
    path = write(tmp_path / "run.parquet", X, L, epoch=epochs)
    opened = open_targets(path, Columns(), Setting())
    assert [source.name for source in opened] == [f"{path} epoch {prefix}{e}" for e in (1, 2, 10)]


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_several_audited_targets_have_a_true_accuracy_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    X, L, W, y = case()
    np.save(tmp_path / "head.npy", W)
    wrong = np.where(np.arange(200) < 100, (y + 1) % 4, y)
    files = [write(tmp_path / f"{name}.parquet", X, L, label=labels) for name, labels in (("a", y), ("b", wrong))]
    code, out, _ = called(
        capsys, monkeypatch, "transfer", *files, "--head", tmp_path / "head.npy", "--audit", "label", "-q", *options
    )
    truths = [f"{(L.argmax(axis=1) == labels).mean():.3f}" for labels in (y, wrong)]
    assert code == 0
    if options:
        assert next(line for line in out.splitlines() if "true accuracy" in line).split()[2:] == truths
    else:
        assert "true accuracy" in out.splitlines()[5]
        assert [line.split()[1] for line in out.splitlines() if line[:2] in ("a ", "b ")] == truths
    assert f"true accuracy {truths[0]}" not in out


def test_what_differs_between_targets_is_told_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, W, _ = case()
    np.save(tmp_path / "head.npy", W)
    files = [write(tmp_path / f"{name}.parquet", X, L + off) for name, off in (("a", 0.25), ("b", 0.5))]
    few = write(tmp_path / "few.parquet", X[:8], L[:8])
    _, out, _ = called(capsys, monkeypatch, "transfer", *files, "--head", tmp_path / "head.npy", "-q")
    assert "head.npy, 4 x 8, its logits within 0.25 to 0.5 of those given" in out
    _, out, _ = called(capsys, monkeypatch, "transfer", files[0], few, "-q")
    assert "\na: head: recovered from embeddings and logits, 4 x 8, its logits within" in out
    _, out, _ = called(capsys, monkeypatch, "transfer", few, files[0], "-q")
    assert "classifier_nonuniformity" in out.splitlines()[5]  # also where the first target has none


def test_the_reason_for_what_was_not_computed_is_the_true_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, y = case()
    target = write(tmp_path / "t.parquet", X, L)
    wide = write(tmp_path / "wide.parquet", np.hstack([X, X]), L, label=y)
    unlabelled, unscored = write(tmp_path / "u.parquet", X, L), write(tmp_path / "n.parquet", X, label=y)
    for source, said in (
        (wide, "mmd, coral, frechet, c2st: source rows hold 16 numbers, target rows 8"),
        (unlabelled, "atc_mc, atc_ne, cot: needs the labels of the source rows"),
        (unscored, "atc_mc, atc_ne, cot: needs the logits of the source rows, which hold none"),
    ):
        _, out, _ = called(capsys, monkeypatch, "transfer", target, "--source", source, "-q")
        assert said in out
        assert "without source rows" not in out


def test_source_rows_of_another_number_of_classes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, y = case()
    target, source = write(tmp_path / "t.parquet", X, L), write(tmp_path / "s.parquet", X, L[:, :3], label=y % 3)
    code, out, err = called(capsys, monkeypatch, "transfer", target, "--source", source)
    assert (code, out) == (2, "")
    assert f"expected source rows of 4 classes as in {target}, found 3" in err
    for score in (metrics.doc, metrics.atc_mc, metrics.atc_ne, metrics.cot):
        with pytest.raises(ArrayError, match="expected 4 classes as in logits, found 3"):
            score(L, L[:, :3], y % 3)
    binary = L[:, 1:2] - L[:, :1]  # one logit stands for two classes
    assert metrics.doc(L[:, :2], binary, y % 2).value == pytest.approx(metrics.doc(binary, L[:, :2], y % 2).value)


def test_a_head_of_another_width_than_the_rows_is_refused() -> None:
    X, L, W, _ = case()
    with pytest.raises(ArrayError, match=r"head: expected \(K, 8\).*found shape \(4, 7\)"):
        metrics.transfer_score(X, L, W[:, :7])


def test_what_became_of_the_source_rows_is_told(tmp_path: Path) -> None:
    X, L, W, y = case()
    Xs = np.vstack([X, X[:20]])
    Xs[3, 0] = np.nan
    source = write(tmp_path / "s.parquet", Xs, np.vstack([L, L[:20]]), label=np.concatenate([y, y[:20]]))
    report = labelfree.transfer({"embedding": X, "logits": L}, source=source, head=W, on_bad="drop")
    found = report.input.source
    assert found is not None
    assert (found.name, found.n, found.d) == (str(source), 219, 8)
    assert (found.rows.read, found.rows.used, found.rows.nonfinite, found.rows.duplicate) == (220, 219, 1, 19)
    assert any(w.startswith("source: 1 of 220 rows with NaN or infinity") for w in report.warnings)
    assert any(w.startswith("source: 19 rows (8.7 %) repeat") for w in report.warnings)
    assert labelfree.transfer({"embedding": X, "logits": L}, head=W).input.source is None


def test_a_history_sees_that_the_source_rows_are_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, W, y = case()
    np.save(tmp_path / "head.npy", W)
    target = write(tmp_path / "t.parquet", X, L, id=np.arange(200))
    one = write(tmp_path / "one.parquet", X, L, label=y, id=np.arange(200))
    same = write(tmp_path / "same.parquet", X * 1.5, L * 1.5, label=y, id=np.arange(200))  # of another checkpoint
    other = write(tmp_path / "other.parquet", X, L, label=y, id=np.arange(1, 201))
    history = tmp_path / "h.jsonl"
    base = ("transfer", target, "--head", tmp_path / "head.npy", "--append", history, "-q")
    codes = [
        called(capsys, monkeypatch, *base, "--step", step, "--source", source)
        for step, source in enumerate((one, same, other))
    ]
    assert [code for code, _, _ in codes] == [0, 0, 2]
    assert "params.source" in codes[2][2]
    report = labelfree.transfer(target, source=one, head=W)
    assert report.input.source is not None
    assert {n for n, e in report.metrics.items() if e.params.get("source") == report.input.source.rows_hash} == {
        "source_accuracy", "doc", "atc_mc", "atc_ne", "cot", "mmd", "coral", "frechet", "c2st",
    }  # fmt: skip


def test_the_settings_of_a_variant_are_its_own() -> None:
    X, L, W, _ = case()
    for variant, repeats in (("standard", 10), ("literal", 10), ("official", 1)):
        score = metrics.transfer_score(X, L, W, variant=variant)  # type: ignore[arg-type]
        assert score.params["repeats"] == score.parts["repeats"] == repeats


def test_notes_say_the_parts_of_a_variant_and_what_is_an_estimate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, W, y = case()
    target, source = write(tmp_path / "t.parquet", X, L), write(tmp_path / "s.parquet", X, L, label=y)
    np.save(tmp_path / "head.npy", W)
    base = ("transfer", target, "--head", tmp_path / "head.npy", "--source", source, "-q")
    _, out, _ = called(capsys, monkeypatch, *base, "--variant", "official")
    parts = metrics.transfer_score(X, L, W, variant="official").parts
    assert f"official: U {parts['u']:.4f}, H {parts['h']:.4f}, M {parts['m']:.4f}" in out
    assert sum(line.endswith("estimate of accuracy") for line in out.splitlines()) == 2
    assert "its logits exactly those given" in out or "e-1" in out.split("its logits within")[1].split("of those")[0]
    even = write(tmp_path / "even.parquet", X, np.tile(L[:1], (200, 1)))
    _, out, _ = called(capsys, monkeypatch, "transfer", even, "-q", "--only", "infomax")
    assert "M; 0 % of ln 4" in out


def test_of_a_candidate_keys_and_logits_are_kept_and_no_head_is_recovered_for_agreement() -> None:
    X, L, _, _ = case()
    report = labelfree.transfer({"embedding": X, "logits": L}, only=("ensv", "gde"))
    assert report.input.head is None
    assert report.candidate.drawn.rows.size == 0
    assert report.candidate.outputs.logits.shape == (200, 4)
    assert report.candidate.outputs.predictions is None
    score = labelfree.transfer({"embedding": X, "logits": L}, only="transfer_score")
    assert score.input.head is not None
    assert score["transfer_score"].status == "ok"


def test_across_holds_what_needs_all_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, head = checkpoints(tmp_path, [f"epoch_{e}.parquet" for e in range(6)])
    _, out, _ = called(capsys, monkeypatch, "transfer", *files, "--head", head, "--json", "-q")
    document = json.loads(out)
    across = document["across"]
    for name in ("ensv", "gde"):
        of_reports = {r["input"]["sources"][0]: r["metrics"][name]["value"] for r in document["reports"]}
        assert across[name] == of_reports
        assert set(across[name]) == set(map(str, files))
    assert across["best"] == across["saturation"]["best"]
    assert across["saturation"]["rule"] == {"window": 3, "threshold": 0.01}


@pytest.mark.parametrize("different", ["classes", "n"])
def test_no_best_is_named_where_the_score_is_not_on_one_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, different: str
) -> None:
    X, L, _, _ = case()
    files = [write(tmp_path / f"epoch_{e}.parquet", X, L) for e in range(3)]
    files.append(
        write(tmp_path / "epoch_3.parquet", *((X, L[:, :3]) if different == "classes" else (X[:150], L[:150])))
    )
    _, out, _ = called(capsys, monkeypatch, "transfer", *files, "--json", "-q")
    across = json.loads(out)["across"]
    assert (across["best"], across["saturation"], across["comparable"]) == (None, None, False)
    assert any(text.startswith(different) for text in across["differences"])
    _, out, _ = called(capsys, monkeypatch, "transfer", *files, "-q")
    assert "no best by transfer_score is named: the targets are not comparable" in out
    assert "the highest is" not in out


def test_markdown_and_csv_say_what_the_table_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, head = checkpoints(tmp_path, [f"epoch_{e}.parquet" for e in range(6)])
    base = ("transfer", *files, "--head", head, "--audit", "label", "-q")
    _, text, _ = called(capsys, monkeypatch, *base, "--format", "md")
    _X, L, _, y = case(n=60)
    accuracy = float((L.argmax(axis=1) == y).mean())
    assert f"- transfer_score stood still by {files[4]} (window of 3): keep" in text
    assert text.count(f"- head: {head}, 4 x 8, its logits ") == 6
    assert text.count("- not computed: source_accuracy, ") == 6
    assert text.count(f"- true accuracy {accuracy:.3f} on 60 rows (labels in 'label')") == 6
    _, text, _ = called(capsys, monkeypatch, *base, "--format", "csv")
    rows = [line.split(",") for line in text.splitlines()]
    found = [row for row in rows if row[1] == "true_accuracy"]
    assert [row[0] for row in found] == [str(file) for file in files]
    assert [float(row[2]) for row in found] == pytest.approx([accuracy] * 6)
    assert {row[8] for row in found} == {"audit"}
    _, text, _ = called(capsys, monkeypatch, "transfer", *files, "--head", head, "--format", "csv", "-q")
    assert "true_accuracy" not in text


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_probabilities_under_the_name_of_logits_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    X, L, _, _ = case()
    p = np.exp(L) / np.exp(L).sum(axis=1, keepdims=True)
    column = lists(p.astype(dtype))
    pq.write_table(pa.table({"embedding": lists(X), "logits": column}), tmp_path / "named.parquet")
    code, out, err = called(capsys, monkeypatch, "transfer", tmp_path / "named.parquet")
    assert (code, out) == (2, "")
    assert "'logits': expected logits, found rows of numbers from 0 that sum to 1" in err
    pq.write_table(pa.table({"embedding": lists(X), "probs": column}), tmp_path / "renamed.parquet")
    target = tmp_path / "renamed.parquet"
    code, out, err = called(capsys, monkeypatch, "transfer", target, "--source", tmp_path / "named.parquet", "-q")
    assert (code, out) == (2, "")
    assert "named.parquet: column 'logits': expected logits" in err
    assert called(capsys, monkeypatch, "transfer", target, "--only", "infomax", "-q")[0] == 0
    binary = {"embedding": X, "logits": np.ones((200, 1))}  # one logit of 1 is no probability of two classes
    assert labelfree.transfer(binary, only="entropy")["entropy"].status == "ok"


def test_candidates_without_ids_are_compared_by_position_and_that_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, _ = case()
    without = [write(tmp_path / f"{name}.parquet", X, L) for name in "ab"]
    _, out, _ = called(capsys, monkeypatch, "transfer", *without)
    assert out.count("compare their rows by position") == 1
    named = [write(tmp_path / f"{name}.parquet", X, L, id=np.arange(200)) for name in "cd"]
    _, out, _ = called(capsys, monkeypatch, "transfer", *named)
    assert "position" not in out
    assert labelfree.transfer(named[0]).input.id == "id"
    assert labelfree.transfer(without[0]).input.id is None


def test_a_label_column_is_told_of_once_a_file_and_with_the_way_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, y = case(n=60)
    columns = {"label": np.tile(y, 3), "epoch": np.repeat(np.arange(3), 60), "id": np.tile(np.arange(60), 3)}
    run = write(tmp_path / "run.parquet", np.tile(X, (3, 1)), np.tile(L, (3, 1)), **columns)
    _, _, err = called(capsys, monkeypatch, "transfer", run, "--only", "infomax")
    assert err == f"labelfree: {run}: column 'label' was not read: {UNREAD}\n"
    _, _, err = called(capsys, monkeypatch, "rank", run, "--only", "rankme")
    assert "no metric here uses labels" in err


def test_a_label_column_without_source_rows_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, y = case()
    target = write(tmp_path / "t.parquet", X, L, truth=y)
    code, out, err = called(capsys, monkeypatch, "transfer", target, "--label", "truth")
    assert (code, out) == (2, "")
    assert "--label truth: names the label column of source rows, and there are none; add --source" in err
    domain = np.where(np.arange(200) % 3 == 0, "source", "target")
    both = write(tmp_path / "both.parquet", X, L, truth=y, domain=domain)
    assert labelfree.transfer(both, label="truth", only="source_accuracy")["source_accuracy"].status == "ok"


def test_python_gives_the_reports_that_the_command_gives_of_several_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, L, _, _ = case(n=60)
    columns = {"epoch": np.repeat(np.arange(3), 60), "id": np.tile(np.arange(60), 3)}
    other = case(n=60, seed=5)[1]
    run = write(tmp_path / "run.parquet", np.tile(X, (3, 1)), np.vstack([L, other, 2 * L]), **columns)
    last = write(tmp_path / "last.parquet", X, other + L, id=np.arange(60))
    only = ("ensv", "gde", "infomax")
    _, out, _ = called(capsys, monkeypatch, "transfer", run, last, "--only", ",".join(only), "--format", "ndjson", "-q")
    reports = labelfree.transfer_all([str(run), str(last)], only=only)
    assert [report.to_json(indent=None) for report in reports] == out.splitlines()
    assert [report.input.sources[0] for report in labelfree.transfer_all(run, only="infomax")] == [
        f"{run} epoch {e}" for e in range(3)
    ]


@pytest.mark.parametrize("more", [[], ["--memory", "400MB"], ["--append", "h.jsonl", "--step", "1"]])
def test_a_file_of_epochs_without_rows_is_one_empty_data_set(
    labelfree: Program, tmp_path: Path, more: list[str]
) -> None:
    none = {"emb": pa.array([], pa.list_(pa.float32())), "epoch": pa.array([], pa.int64())}
    pq.write_table(pa.table(none), tmp_path / "a.parquet")
    done = labelfree("transfer", "a.parquet", "--json", *more)
    assert (done.returncode, one_report(done.stdout)["input"]["n"]) == (0, 0), done.stderr
    assert "the data set is empty" in done.stderr
