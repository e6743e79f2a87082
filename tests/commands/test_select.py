"""`labelfree.select`: candidates however they are given, the same rows of all, and what does not fit together."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import choices
import labelfree
from labelfree.catalog import COMMANDS
from labelfree.commands import candidate_rows
from labelfree.commands.chosen import Chosen
from labelfree.documents.findings import FindingWarning
from labelfree.errors import LabelfreeError, OutputError, RowsError, UsageError
from labelfree.render.tables.choices import findings as table_findings
from labelfree.reports.schema import json_schema
from labelfree.reports.select import SelectReport

NAMES = [f"epoch_{i}" for i in range(len(choices.NOISES))]
CLEAREST = "epoch_2"


def of(chosen: Chosen) -> dict[str, Any]:
    """What the rule says of each candidate, without the names of files."""
    return {one.name: (one.status, one.score, one.apart_from_best, one.parts) for one in chosen.candidates}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return choices.written(tmp_path, choices.run())


def test_the_clearest_candidate_is_chosen(files: list[Path]) -> None:
    right = [(one["logits"].argmax(axis=1) == choices.truth()).mean() for one in choices.run()]
    assert NAMES[int(np.argmax(right))] == CLEAREST
    found = labelfree.select([str(file) for file in files])
    assert (found.chosen or found.advice, found.setting, found.candidates[0].name) == (CLEAREST, "logits", CLEAREST)
    assert (found.input.n, found.input.classes, found.input.id, found.input.sample) == (200, 4, "id", None)
    assert [one.step for one in sorted(found.candidates, key=lambda one: one.name)] == [0, 1, 2, 3]
    assert found.alone["last"] == "epoch_3"
    best = choices.run()[2]["logits"].argmax(axis=1)
    for one in found.candidates:
        apart = (choices.run()[int(one.name[-1])]["logits"].argmax(axis=1) != best).mean()
        assert one.apart_from_best == pytest.approx(apart)
        assert one.apart_interval is not None
        assert one.apart_interval[0] <= apart <= one.apart_interval[1]


def test_tied_and_plausible_are_nested_and_hold_the_best(files: list[Path]) -> None:
    found = labelfree.select([str(file) for file in files])
    assert found.tied[0] == found.plausible[0] == found.candidates[0].name
    assert set(found.tied) <= set(found.plausible)
    assert (found.chosen is None) == (found.decision == "undecided") == (found.reason is not None)


def test_every_way_to_give_candidates_is_the_same(files: list[Path], tmp_path: Path) -> None:
    expected = of(labelfree.select([str(file) for file in files]))
    assert of(labelfree.select(tmp_path)) == expected
    assert of(labelfree.select(str(tmp_path / "epoch_*.parquet"))) == expected
    arrays = choices.run()
    given = dict(zip(NAMES, arrays, strict=True))
    tables = {n: {k: one[k] for k in ("id", "embedding", "logits")} for n, one in given.items()}
    assert of(labelfree.select(tables)) == expected
    assert of(labelfree.select({n: pa.table({
        "id": one["id"], "embedding": choices.matrix(one["embedding"]), "logits": choices.matrix(one["logits"]),
    }) for n, one in given.items()})) == expected  # fmt: skip
    whole = {k: np.concatenate([one[k] for one in arrays]) for k in ("id", "embedding", "logits")}
    whole["epoch"] = np.repeat(np.arange(4), choices.ROWS)
    by_epoch = labelfree.select(whole)
    assert {name.replace("epoch ", "epoch_"): said for name, said in of(by_epoch).items()} == expected
    assert [one.step for one in sorted(by_epoch.candidates, key=lambda one: one.name)] == [0, 1, 2, 3]


def test_names_that_were_given_are_kept() -> None:
    tables = {f"v{i}.0": shown(one) for i, one in enumerate(choices.run())}
    assert {one.name for one in labelfree.select(tables).candidates} == {*tables}


def test_pairs_of_arrays_are_joined_by_position_and_say_so() -> None:
    pairs = {name: (one["embedding"], one["logits"]) for name, one in zip(NAMES, choices.run(), strict=True)}
    with pytest.warns(FindingWarning, match="no_ids"):
        found = labelfree.select(pairs)
    assert found.chosen or found.advice == CLEAREST
    assert "no_ids" in [one.code for one in found.findings]
    assert found.input.id is None


def test_the_order_of_rows_and_of_candidates_changes_nothing(tmp_path: Path) -> None:
    arrays = choices.run()
    expected = of(labelfree.select(dict(zip(NAMES, [shown(one) for one in arrays], strict=True))))
    chance = np.random.default_rng(7)
    shuffled = {}
    for name, one in zip(NAMES, arrays, strict=True):
        order = chance.permutation(choices.ROWS)
        shuffled[name] = {key: values[order] for key, values in shown(one).items()}
    for given in (shuffled, dict(reversed(shuffled.items()))):
        found = of(labelfree.select(given))
        assert {n: s[:3] for n, s in found.items()} == {n: s[:3] for n, s in expected.items()}
        for name, (*_, parts) in found.items():
            assert parts == pytest.approx(expected[name][3], rel=1e-6)


def shown(one: choices.Arrays) -> dict[str, Any]:
    return {key: one[key] for key in ("id", "embedding", "logits")}


def test_samples_are_the_same_rows_of_every_candidate(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = labelfree.select([str(file) for file in files], sample=60, seed=3)
    assert found.input.sample is not None
    assert (found.input.sample.size, found.input.n) == (60, 200)
    seen: list[candidate_rows.CandidateRows] = []
    real = candidate_rows.CandidateRows.candidate

    def noted(one: candidate_rows.CandidateRows) -> Any:
        seen.append(one)
        return real(one)

    monkeypatch.setattr(candidate_rows.CandidateRows, "candidate", noted)
    labelfree.select([str(file) for file in files], sample=60, seed=3)
    assert {tuple(one.ids) for one in seen} == {tuple(seen[0].ids)}
    assert len(set(seen[0].ids)) == 60


def test_what_does_not_fit_in_memory_is_kept_in_files(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = of(labelfree.select([str(file) for file in files]))
    monkeypatch.setattr(candidate_rows, "IN_MEMORY", 0)
    monkeypatch.setattr(candidate_rows.Store.__init__, "__defaults__", (0,))
    assert of(labelfree.select([str(file) for file in files])) == expected


# Labelled source rows.


def test_source_rows_beside_each_candidate(tmp_path: Path) -> None:
    files = choices.written(tmp_path, choices.run(), source=True)
    found = labelfree.select([str(file) for file in files])
    assert (found.setting, found.chosen or found.advice) == ("source+logits", CLEAREST)
    everything = labelfree.select(sorted(map(str, tmp_path.iterdir())))  # as a pattern of the shell has it
    assert of(everything) == of(found) == of(labelfree.select(tmp_path))
    arrays = choices.run()
    pairs = {name: (one["source"], one["label"]) for name, one in zip(NAMES, arrays, strict=True)}
    tables = {name: shown(one) for name, one in zip(NAMES, arrays, strict=True)}
    assert of(labelfree.select(tables, source=pairs)) == of(found)


def test_source_rows_in_a_column_of_domains(tmp_path: Path) -> None:
    arrays = choices.run()
    expected = of(labelfree.select(choices.written(tmp_path, arrays, source=True)))
    found = {}
    for name, one in zip(NAMES, arrays, strict=True):
        many = len(one["source"])
        found[name] = {
            "id": np.concatenate([one["id"], 1000 + np.arange(many)]),
            "embedding": np.concatenate([one["embedding"], one["source"]]),
            "logits": np.concatenate([one["logits"], np.zeros((many, choices.CLASSES), np.float32)]),
            "domain": np.array(["target"] * choices.ROWS + ["source"] * many),
            "label": np.concatenate([np.zeros(choices.ROWS, int), one["label"]]),
        }
    said = labelfree.select(found)
    assert said.setting == "source+logits"
    assert {n: s[:3] for n, s in of(said).items()} == {n: s[:3] for n, s in expected.items()}


def test_other_files_of_the_directory_are_no_candidates(tmp_path: Path) -> None:
    choices.written(tmp_path, choices.run(), source=False)
    labelfree.select(tmp_path, label_budget=40).write_label_rows(tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    label = pa.array(choices.truth()[table["id"].to_numpy()])
    pq.write_table(table.set_column(1, "label", label), tmp_path / "rows.parquet")
    assert len(labelfree.select(tmp_path, labels=tmp_path / "rows.parquet").candidates) == 4
    with pytest.raises(LabelfreeError, match=r"rows\.parquet"):
        labelfree.select(tmp_path)


def test_source_rows_of_some_candidates_are_not_used_and_said(tmp_path: Path) -> None:
    files = choices.written(tmp_path, choices.run(), source=True)
    (tmp_path / "epoch_1.source.parquet").unlink()
    with pytest.warns(FindingWarning, match="some_sources"):
        found = labelfree.select(list(map(str, files)))
    assert found.setting == "logits"
    assert next(f.message for f in found.findings if f.code == "some_sources").endswith("epoch_1 has none")


# Bad input: what is expected, what is found, where, and the way out.


def changed(place: Path, which: int, change: Callable[[choices.Arrays], choices.Arrays], **columns: bool) -> list[str]:
    arrays = choices.run()
    arrays[which] = change(dict(arrays[which]))
    return [str(path) for path in choices.written(place, arrays, **columns)]


def without(one: choices.Arrays, rows: int) -> choices.Arrays:
    return {**one, **{key: one[key][rows:] for key in ("id", "embedding", "logits")}}


def other_ids(one: choices.Arrays) -> choices.Arrays:
    return {**one, "id": np.where(one["id"] < 3, one["id"] + 5000, one["id"])}


def fewer_classes(one: choices.Arrays) -> choices.Arrays:
    return {**one, "logits": one["logits"][:, :3]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: without(one, 5), ("epoch_1", "5 rows", "id 0, 1, 2, ...", "epoch_0 for one", "same rows")),
        (other_ids, ("epoch_0", "3 rows", "id 5000, 5001, 5002", "epoch_1 for one")),
        (fewer_classes, ("epoch_1", "expected 4 classes", "found 3", "one task")),
    ],
)
def test_other_rows_and_other_classes_are_refused(tmp_path: Path, change: Any, said: tuple[str, ...]) -> None:
    files = changed(tmp_path, 1, change)
    with pytest.raises(UsageError) as refused:
        labelfree.select(files)
    for part in said:
        assert part in str(refused.value)


def test_other_numbers_of_rows_without_ids_are_refused(tmp_path: Path) -> None:
    files = changed(tmp_path, 1, lambda one: without(one, 5), id=False)
    with pytest.raises(UsageError, match=r"epoch_1: expected 200 rows as epoch_0 has, found 195.*add a column id"):
        labelfree.select(files)


def test_what_is_wrong_with_the_rows_of_candidates_is_told_once(tmp_path: Path) -> None:
    def repeated(one: choices.Arrays) -> choices.Arrays:
        embedding = one["embedding"].copy()
        embedding[1:5] = embedding[0]
        return {**one, "embedding": embedding}

    arrays = [repeated(one) if i in (1, 3) else one for i, one in enumerate(choices.run())]
    files = choices.written(tmp_path, arrays)
    with pytest.warns(FindingWarning, match="duplicate"):
        found = labelfree.select(files)
    told = [one for one in found.findings if one.code == "duplicate"]
    assert [one.sources for one in told] == [[str(files[1])], [str(files[3])]]
    assert {one.rows for one in told} == {4}
    lines = [line for line in labelfree_table(found) if line.endswith("[duplicate]")]
    assert len(lines) == 1
    assert "epoch_1 and epoch_3: 4 rows (2.0 %) repeat another row exactly" in lines[0]
    assert "duplicate" not in {one.code for one in labelfree.select(choices.written(tmp_path, choices.run())).findings}


def labelfree_table(found: Chosen) -> list[str]:
    """The lines of the printed table, each whole."""
    return [f"{severity}: {text} [{code}]" for severity, text, code in table_findings(found, everything=False)]


def test_another_order_without_ids_is_noticed(tmp_path: Path) -> None:
    def shuffled(one: choices.Arrays) -> choices.Arrays:
        order = np.random.default_rng(5).permutation(choices.ROWS)
        return {**one, **{key: one[key][order] for key in ("embedding", "logits")}}

    with pytest.warns(FindingWarning, match="other_order"):
        found = labelfree.select(changed(tmp_path, 1, shuffled, id=False))
    assert [f.sources for f in found.findings if f.code == "other_order"] == [[str(tmp_path / "epoch_1.parquet")]]
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = labelfree.select(changed(tmp_path, 1, lambda one: one, id=False))
    assert "other_order" not in [f.code for f in found.findings]


def test_logits_or_ids_of_some_candidates_are_refused(tmp_path: Path) -> None:
    tables = {name: shown(one) for name, one in zip(NAMES, choices.run(), strict=True)}
    del tables["epoch_1"]["logits"]
    with pytest.raises(UsageError, match="expected class scores of every candidate or of none, found them in 3 of 4"):
        labelfree.select(tables)
    tables = {name: shown(one) for name, one in zip(NAMES, choices.run(), strict=True)}
    del tables["epoch_3"]["id"]
    with pytest.raises(UsageError, match=r"expected ids of every candidate or of none.*not in epoch_3"):
        labelfree.select(tables)


def test_one_candidate_and_none_are_refused(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"expected at least 2 candidates.*found one candidate"):
        labelfree.select([str(files[0])])
    with pytest.raises(UsageError, match="found none"):
        labelfree.select([])


def test_identical_candidates_tie_and_it_is_said(files: list[Path], tmp_path: Path) -> None:
    with pytest.warns(FindingWarning, match="identical_candidates"):
        found = labelfree.select([*map(str, files), str(files[2])])
    twice = [one for one in found.candidates if one.name.startswith(CLEAREST)]
    assert [one.status for one in twice] == ["best", "tied"]
    assert twice[0].score == pytest.approx(twice[1].score)


def test_constant_logits_are_vetoed_and_said(tmp_path: Path) -> None:
    files = changed(tmp_path, 1, lambda one: {**one, "logits": np.ones_like(one["logits"])})
    with pytest.warns(FindingWarning, match="its class scores are equal in every row"):
        found = labelfree.select(files)
    one = found.candidate("epoch_1")
    assert (one.status, one.veto, one.score) == ("vetoed", "constant_predictions", None)
    assert "epoch_1" not in found.plausible


def test_where_no_candidate_is_sound_nothing_is_advised(tmp_path: Path) -> None:
    constant = np.ones((choices.ROWS, 4))
    tables = {n: {**shown(one), "logits": constant} for n, one in zip(NAMES, choices.run(), strict=True)}
    with pytest.warns(FindingWarning, match="constant_predictions"):
        found = labelfree.select(tables)
    assert (found.decision, found.chosen, found.advice, found.tied, found.plausible) == (
        "undecided",
        None,
        None,
        [],
        [],
    )
    assert repr(found).startswith("undecided: ")
    with pytest.raises(UsageError, match="0 candidates may be the best"):
        labelfree.select(tables, label_budget=5)
    with pytest.raises(UsageError, match="0 candidates may be the best"):
        labelfree.select(tables, labels={"id": np.arange(9), "label": np.zeros(9, int)})


def test_a_collapsed_candidate_is_vetoed(tmp_path: Path) -> None:
    line = np.linspace(-1, 1, choices.ROWS)[:, None] * np.eye(1, choices.WIDTH)
    found = labelfree.select(changed(tmp_path, 1, lambda one: {**one, "embedding": line}))
    one = found.candidate("epoch_1")
    assert (one.status, one.veto, one.state) == ("vetoed", "likely_collapsed", "likely_collapsed")


def test_bad_rows_are_refused_or_left_out_of_all(tmp_path: Path) -> None:
    def broken(one: choices.Arrays) -> choices.Arrays:
        rows = one["embedding"].copy()
        rows[[3, 9]] = np.nan
        return {**one, "embedding": rows}

    files = changed(tmp_path, 1, broken)
    with pytest.raises(RowsError, match=r"2 of 200 rows hold NaN or infinity, first at row 3.*on_bad='drop'"):
        labelfree.select(files)
    with pytest.warns(FindingWarning, match="left_out"):
        found = labelfree.select(files, on_bad="drop")
    assert found.chosen or found.advice == CLEAREST
    clean = [without_rows(one, [3, 9]) for one in choices.run()]
    other = labelfree.select({n: shown(one) for n, one in zip(NAMES, clean, strict=True)})
    assert {n: s[1] for n, s in of(found).items()} == pytest.approx({n: s[1] for n, s in of(other).items()}, rel=1e-6)


def without_rows(one: choices.Arrays, rows: list[int]) -> choices.Arrays:
    return {**one, **{key: np.delete(one[key], rows, axis=0) for key in ("id", "embedding", "logits")}}


def test_bad_rows_do_not_hide_other_rows(tmp_path: Path) -> None:
    def broken(one: choices.Arrays) -> choices.Arrays:
        rows = one["embedding"].copy()
        rows[7] = np.inf
        return {**other_ids(one), "embedding": rows}

    with pytest.raises(UsageError, match="expected the same rows in every candidate"):
        labelfree.select(changed(tmp_path, 1, broken), on_bad="drop")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ((np.zeros((9, 3)), np.zeros(9, int)), "expected source rows of width 6 as epoch_0 has, found width 3"),
        ({"embedding": np.zeros((9, 6))}, "expected a column of labels"),
        ((np.zeros((9, 6)), np.arange(9)), "expected class numbers 0 to 3.*found 4|found 8|found 7|found 6|found 5"),
        ((np.zeros((9, 6)), np.array(["a"] * 9)), "expected class numbers 0 to 3.*found 'a'"),
        (
            {"embedding": np.zeros((9, 6)), "logits": np.zeros((9, 7)), "label": np.zeros(9, int)},
            "of 4 classes.*found 7",
        ),
    ],
)
def test_source_rows_that_do_not_belong_are_refused(files: list[Path], source: Any, said: str) -> None:
    with pytest.raises(LabelfreeError, match=said):
        labelfree.select(list(map(str, files)), source=source)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0.5, 0.2, 0.2, 0.2], "sum to 1, found a sum of 1.1"),
        ([0.5, 0.5], "expected 4 shares, one for each class, found 2"),
        ({"0": 0.5, "1": 0.25, "2": 0.25, "cat": 0}, "found class 'cat', which there is not"),
        ({"0": 0.5, "1": 0.25, "2": 0.25}, "found none of class 3"),
        ([0.5, 0.7, -0.2, 0], "expected shares from 0 to 1, found -0.2 for class 2"),
        ([0.5, 0.5, float("nan"), 0], "expected shares from 0 to 1, found nan"),
        ("shares.json", "no such file"),
    ],
)
def test_class_shares_that_are_none_are_refused(files: list[Path], shares: Any, said: str) -> None:
    with pytest.raises(LabelfreeError, match=said):
        labelfree.select(list(map(str, files)), class_shares=shares)


def test_class_shares_are_used_or_it_is_said(files: list[Path]) -> None:
    found = labelfree.select(list(map(str, files)), class_shares=[0.25] * 4)
    used = "class_shares" in found.rule.parameters
    assert used != ("shares_not_used" in [one.code for one in found.findings])
    assert found.settings["class_shares"] == [0.25] * 4


def test_without_class_scores_there_is_advice_and_no_choice(tmp_path: Path) -> None:
    files = [str(path) for path in choices.written(tmp_path, choices.run(), logits=False)]
    found = labelfree.select(files)
    assert (found.decision, found.chosen, found.reason_code) == ("undecided", None, "features_only")
    assert found.advice in NAMES
    assert found.setting == "ordered"
    assert labelfree.select(files, ordered=False).setting == "unordered"
    for name in ("class_shares", "labels", "label_budget"):
        given: dict[str, Any] = {"class_shares": [1.0], "labels": {"id": [1], "label": [0]}, "label_budget": 5}
        with pytest.raises(UsageError, match="needs class scores of the candidates"):
            labelfree.select(files, **{name: given[name]})


def test_a_head_makes_the_class_scores(tmp_path: Path) -> None:
    arrays = choices.run()
    head = np.random.default_rng(0).normal(size=(choices.CLASSES, choices.WIDTH))
    tables = {n: {"id": one["id"], "embedding": one["embedding"]} for n, one in zip(NAMES, arrays, strict=True)}
    scored = {n: {**one, "logits": one["embedding"].astype(float) @ head.T} for n, one in tables.items()}
    found = labelfree.select(tables, head=head)
    assert found.setting == "logits"
    assert {n: s[1] for n, s in of(found).items()} == pytest.approx(
        {n: s[1] for n, s in of(labelfree.select(scored)).items()}
    )


# The document.


def test_the_document_has_its_schema_and_only_finite_numbers(files: list[Path]) -> None:
    found = labelfree.select(list(map(str, files)), strict=True, label_budget=20)
    document = json.loads(found.to_json())
    assert set(json_schema(SelectReport)["properties"]) == set(document)
    assert {"command", "setting", "decision", "chosen", "tied", "plausible", "reason", "candidates", "rule", "verdict",
            "findings", "schema_version", "tool", "settings"} <= set(document)  # fmt: skip
    assert {"name", "step", "score", "se", "status", "veto", "parts", "apart_from_best"} <= set(
        document["candidates"][0]
    )
    assert set(document["rule"]) == {"name", "version", "parameters"}
    assert document["verdict"]["decision"] == ("undecided" if found.decision == "undecided" else "pass")
    assert labelfree.select(list(map(str, files))).verdict is None
    assert SelectReport.model_validate(document).to_json() == found.to_json()
    assert found.to_json() == labelfree.select(list(map(str, files)), strict=True, label_budget=20).to_json()


def test_a_choice_is_at_home_in_a_notebook(files: list[Path], tmp_path: Path) -> None:
    found = labelfree.select(list(map(str, files)))
    assert repr(found).startswith(("keep", "undecided"))
    assert CLEAREST in found._repr_html_()
    frame = found.to_frame()
    assert list(frame.index) == [one.name for one in found.candidates]
    assert {"score", "status", "apart_from_best", "cluster_agreement"} <= set(frame.columns)
    found.save(tmp_path / "choice.json")
    assert json.loads((tmp_path / "choice.json").read_text())["command"] == "select"
    with pytest.raises(OutputError, match=r"expected a suffix among \.json"):
        found.save(tmp_path / "choice.png")


def test_select_is_a_command_of_the_catalog() -> None:
    assert next(one for one in COMMANDS if one.name == "select").document == "choice"


def test_checkpoints_are_refused_with_the_line_that_runs_them(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(LabelfreeError, match=r"labelfree embed \S*a.pt --data DATA -o a.parquet"):
        labelfree.select([str(tmp_path / "a.pt"), str(tmp_path / "b.pt")])


def test_a_file_of_epochs_without_ids_is_refused() -> None:
    arrays = choices.run()
    whole = {k: np.concatenate([one[k] for one in arrays]) for k in ("embedding", "logits")}
    whole["epoch"] = np.repeat(np.arange(4), choices.ROWS)
    with pytest.raises(LabelfreeError, match="expected a column of ids beside that of the epochs"):
        labelfree.select(whole)
