"""Reports in Python: a list is several sources, metrics behave as numbers, and notebooks see tables."""

from __future__ import annotations

import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
import pytest

import labelfree
from labelfree.commands.report import Report
from labelfree.commands.reports import Reports
from labelfree.errors import LabelfreeError, OutputError, SourceError, UndefinedMetric, UnknownName, UsageError

DATA = Path(labelfree.__file__).parent / "demo_data"
OLD = Path(__file__).parents[1] / "data" / "version_1"
EPOCHS = [DATA / f"epoch_0{i}.parquet" for i in (5, 0, 7)]
RNG = np.random.default_rng(0)
MEASURING = [labelfree.rank, labelfree.separability, labelfree.opis, labelfree.evaluate, labelfree.doctor]


@pytest.fixture(scope="module")
def reports() -> Reports:
    return labelfree.rank(EPOCHS)


# Several sources.


def test_a_list_is_several_sources_in_its_order(reports: Reports) -> None:
    assert isinstance(reports, Reports)
    assert reports.names == [str(path) for path in EPOCHS]
    for report, path in zip(reports, EPOCHS, strict=True):
        assert report.to_json() == labelfree.rank(path).to_json()
    assert [len(labelfree.rank(EPOCHS[:1])), len(labelfree.rank(tuple(EPOCHS[:2])))] == [1, 2]


def test_concat_makes_one_of_them(tmp_path: Path) -> None:
    X = RNG.normal(size=(60, 4))
    np.save(tmp_path / "a.npy", X[:20])
    np.save(tmp_path / "b.npy", X[20:])
    value = float(labelfree.rank(X)["rankme"])
    parts: list[Any] = [[tmp_path / "a.npy", str(tmp_path / "b.npy")], [X[:20], X[20:]]]
    for given in parts:
        one = labelfree.rank(given, concat=True)
        assert isinstance(one, Report)
        assert one.input.n == 60
        assert float(one["rankme"]) == pytest.approx(value)
    assert [r.input.n for r in labelfree.rank([*parts[0], parts[0]])] == [20, 40, 60]  # a list inside is one data set


@pytest.mark.parametrize("measure", MEASURING, ids=lambda f: f.__name__)
def test_every_command_takes_several(measure: Any) -> None:
    X = RNG.normal(size=(60, 4))
    found = measure([X, 2 * X], seed=1)
    assert isinstance(found, Reports)
    assert found.names == ["array 0", "array 1"]
    alone = measure(2 * X, seed=1)
    assert found[1].metrics == alone.metrics
    assert found[1].input.rows == alone.input.rows


def test_transfer_takes_several() -> None:
    X = np.repeat(np.eye(3), 40, axis=0)
    given = [{"embedding": X, "logits": scale * X} for scale in (2, 9)]
    found = labelfree.transfer(given)
    assert isinstance(found, Reports)
    assert found[0]["ensv"] == found[1]["ensv"]
    assert found[0]["ensv"].status == "ok"  # measured over both
    assert [r.metrics for r in labelfree.transfer_all(given)] == [r.metrics for r in found]


@pytest.mark.parametrize(
    ("source", "concat", "said"),
    [
        ([], False, "found an empty list"),
        ([[1.0, 2.0], [3.0, 4.0]], False, r"np.asarray\(source\)"),
        ([[1.0, 2.0], [3.0, 4.0]], True, r"np.asarray\(source\)"),
        (np.eye(3), True, "expected a list of sources, found ndarray"),
        ([{"embedding": np.eye(3)}], True, "takes paths or arrays, found dict"),
        ([np.eye(3), np.eye(4)], True, "do not fit one under another"),
    ],
)
def test_what_is_no_list_of_sources_is_refused(source: Any, concat: bool, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        labelfree.rank(source, concat=concat)


def test_all_are_opened_before_any_is_measured(tmp_path: Path) -> None:
    seen: list[str] = []
    with pytest.raises(SourceError, match="no such file"):
        labelfree.rank([EPOCHS[0], tmp_path / "none.npy"], progress=lambda stage, done: seen.append(stage))
    assert seen == []


def test_a_report_by_its_place_or_name(reports: Reports) -> None:
    assert reports["epoch_00"] is reports[1] is reports[str(EPOCHS[1])]
    assert [r.input.sources for r in reports[1:]] == [r.input.sources for r in list(reports)[1:]]
    assert isinstance(reports[1:], Reports)
    assert "epoch_07" in reports
    assert "epoch_08" not in reports
    assert reports[0] in reports
    with pytest.raises(KeyError, match="did you mean 'epoch_07'"):
        reports["epoch_08"]
    with pytest.raises(UnknownName, match="concat=True makes one data set of it"):
        reports["rankme"]
    with pytest.raises(UnknownName, match="2 sources have this name"):
        labelfree.rank([EPOCHS[0], EPOCHS[0]])[str(EPOCHS[0])]


def test_best_has_the_highest_headline_or_says_why_there_is_none(reports: Reports) -> None:
    values = [float(report["rankme"]) for report in reports]
    assert reports.best is reports[int(np.argmax(values))]
    uneven = labelfree.rank([RNG.normal(size=(60, 4)), RNG.normal(size=(60, 5))])
    with pytest.raises(UsageError, match="none of these 2 sources is the best: not comparable: d differs"):
        _ = uneven.best
    with pytest.raises(UsageError, match="no direction is known for mean_cosine"):
        _ = labelfree.rank(EPOCHS, only="mean_cosine").best
    with pytest.raises(UsageError, match="evaluate has no single headline"):
        _ = labelfree.evaluate([RNG.normal(size=(60, 4))] * 2).best


def test_frames(reports: Reports) -> None:
    wide, long = reports.to_frame(), reports[0].to_frame()
    assert list(wide.index) == reports.names
    assert wide["rankme"].tolist() == [report["rankme"].value for report in reports]
    assert np.isnan(wide["lidar"]).all()  # undefined without views
    assert long.loc["rankme", "value"] == reports[0]["rankme"].value
    assert (long.loc["rankme", "low"], long.loc["rankme", "high"]) == reports[0]["rankme"].interval
    assert str(long.loc["lidar", "reason"]) == reports[0]["lidar"].reason


@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_what_is_saved_is_read_again(reports: Reports, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r.{suffix}"
    reports.save(path)
    again = labelfree.read(str(path))
    assert [r.to_json() for r in again] == [r.to_json() for r in reports]
    reports[0].save(path)
    assert [r.to_json() for r in labelfree.read(path)] == [reports[0].to_json()]


@pytest.mark.parametrize("file", ["report.json", "reports.json", "reports.ndjson"])
def test_version_1_is_read(file: str) -> None:
    found = labelfree.read(OLD / file)
    assert {report.schema_version for report in found} == {2}
    assert found[-1]["rankme"] > 5


def test_what_cannot_be_read_or_saved_is_refused(reports: Reports, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found one of weights"):
        labelfree.read(OLD / "weights.json")
    with pytest.raises(OutputError, match=r"path='.*r.txt': expected a suffix among"):
        reports.save(tmp_path / "r.txt")
    with pytest.raises(OutputError, match="expected reports to write, found none"):
        Reports([]).save(tmp_path / "r.json")
    text = (OLD / "report.json").read_text().replace('"kind": "rank"', '"kind": "odd"')
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(SourceError, match="found another at metrics"):
        labelfree.read(tmp_path / "r.json")


def test_a_gate_takes_them(reports: Reports) -> None:
    conditions = labelfree.gate(reports, require="rankme > 5")["verdict"]["conditions"]
    assert [c["decision"] for c in conditions] == ["pass", "fail", "pass"]


# Metrics as numbers.


def test_a_metric_behaves_as_its_value(reports: Reports) -> None:
    one, other = reports[0]["rankme"], reports[1]["rankme"]
    value = one.value
    assert value is not None
    assert (float(one), f"{one:.3f}") == (value, f"{value:.3f}")
    assert one > 1
    assert not one < 1
    assert value <= one <= value
    assert one > 0
    assert (one > other) == (value > float(other))
    assert sorted([one, other])[0] is min(one, other, key=float)
    assert f"{one}" == str(one)
    assert str(one).startswith(f"{value:.6g} (")
    with pytest.raises(TypeError):
        _ = one > "1"


def test_an_undefined_metric_raises_with_its_reason() -> None:
    entry = labelfree.rank(np.ones((1, 3)))["rankme"]
    assert entry.value is None
    for use in (float, lambda e: e > 1, lambda e: e <= 1, lambda e: f"{e:.2f}"):
        with pytest.raises(UndefinedMetric, match="needs at least 2 rows"):
            use(entry)
    assert f"{entry}".startswith("undefined: ")
    assert issubclass(UndefinedMetric, LabelfreeError)
    assert issubclass(UndefinedMetric, ValueError)


def test_a_report_is_a_mapping_of_its_metrics(reports: Reports) -> None:
    report = reports[0]
    assert "rankme" in report
    assert "rnkme" not in report
    assert list(report) == list(report.metrics) == list(dict(report))
    with pytest.raises(KeyError) as caught:
        report["rnkme"]
    assert str(caught.value) == "no 'rnkme' here; did you mean 'rankme'?"
    assert isinstance(caught.value, LabelfreeError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(UnknownName, match="separability measured separability"):
        labelfree.separability(np.eye(8))["zzz"]
    again = Report.from_json(report.to_json())
    assert again == Report.from_json(report.to_json())
    assert again != reports[1]


# What a notebook shows.


DRAWN = {
    "aria-label", "cx", "cy", "d", "fill", "fill-opacity", "font-family", "font-size", "font-weight", "height",
    "paint-order", "r", "role", "stroke", "stroke-linejoin", "stroke-opacity", "stroke-width", "text-anchor", "viewbox",
    "width", "x", "y",
}  # fmt: skip
"""Attributes inside a picture: how it looks, and nothing that runs or loads."""


class _Tags(HTMLParser):
    """Every tag and text of a page; an open tag that is not closed is left in `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        assert {name for name, _ in attrs} <= ({"style"} if "svg" not in self.open else DRAWN)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(shown: Any) -> _Tags:
    found = _Tags()
    found.feed(shown._repr_html_())
    found.close()
    assert found.open == []
    return found


def test_a_repr_is_short(reports: Reports) -> None:
    assert len(repr(reports[0]).splitlines()) <= 3
    assert repr(reports[0]).splitlines()[0].startswith("healthy: ")
    assert max(map(len, repr(reports[0]).splitlines())) < 160
    assert repr(reports[0]) == str(reports[0])
    assert len(repr(reports).splitlines()) <= 3
    assert "highest rankme: epoch_07" in repr(reports)
    assert repr(labelfree.doctor(EPOCHS[0])).count("\n") <= 2
    assert repr(Reports([])) == "no reports"


def test_html_has_the_values_and_intervals(reports: Reports) -> None:
    found = page(reports[0])
    entry = reports[0]["rankme"]
    assert entry.interval is not None
    assert {"table", "thead", "tbody"} <= set(found.tags)
    i = found.texts.index("rankme")
    assert float(found.texts[i + 1]) == pytest.approx(float(entry), abs=0.01)
    low, high = map(float, found.texts[i + 2].split(" to "))
    assert [low, high] == pytest.approx(list(entry.interval), abs=0.01)
    state = reports[0].state
    assert state is not None
    assert found.texts[:2] == ["healthy:", " " + "; ".join(one.message for one in state.because)]
    several = page(reports)
    assert several.texts[0] == "1 of 3 suspicious"
    order = [several.texts.index(name) for name in ("epoch_00", "epoch_05", "epoch_07")]
    assert order == sorted(order)  # by their steps
    assert "nothing wrong" in "".join(page(labelfree.doctor(RNG.normal(size=(300, 4)))).texts)
    assert "duplicate" in page(labelfree.doctor(np.ones((30, 4)))).texts
    page(labelfree.doctor([np.ones((30, 4))] * 2))
    page(Reports([]))


def test_html_escapes_what_comes_from_a_file(tmp_path: Path) -> None:
    X = np.ones((30, 4))
    X[:3] = np.eye(4)[:3]
    name = "<script>alert(1)<b>&\x1b.npy"
    np.save(tmp_path / name, X)
    alone, several = labelfree.rank(tmp_path / name), labelfree.rank([tmp_path / name, EPOCHS[0]])
    for shown in (alone, several, labelfree.doctor(tmp_path / name)):
        html = shown._repr_html_()
        assert "<script" not in html
        assert "\x1b" not in html
        assert "script" not in page(shown).tags
    assert "&lt;script&gt;" in alone._repr_html_()
    assert "\x1b" not in repr(alone) + repr(several)


def test_pictures(reports: Reports) -> None:
    mpl = pytest.importorskip("matplotlib")
    backend = mpl.get_backend()
    figure = reports.plot("rankme", "mean_cosine")
    assert [axes.get_ylabel() for axes in figure.axes] == ["rankme", "mean_cosine"]
    ordered = [reports[name]["rankme"].value for name in ("epoch_00", "epoch_05", "epoch_07")]
    lines = [tuple(map(list, line.get_data())) for line in figure.axes[0].lines]
    assert ([0, 5, 7], ordered) in lines
    assert ([7], [ordered[-1]]) in lines  # the star of the highest
    assert not any(len(line.get_xdata()) == 1 for line in figure.axes[1].lines)  # no direction is known for mean_cosine
    assert [axes.get_ylabel() for axes in reports.plot().axes] == ["rankme"]
    assert reports[0].plot().axes[0].get_xlabel().startswith("index")
    assert mpl.get_backend() == backend  # what a user draws on stays as it is
    with pytest.raises(KeyError, match="did you mean 'rankme'"):
        reports.plot("rnkme")
    with pytest.raises(UsageError, match="nothing to draw"):
        Report.from_json(reports[0].to_json()).plot()


def test_explain() -> None:
    told = labelfree.explain("rankme")
    assert told.startswith("rankme\n")
    assert repr(told) == told
    assert "separability" in labelfree.explain()
    with pytest.raises(UsageError, match="did you mean 'rankme'"):
        labelfree.explain("rnkme")


if TYPE_CHECKING:
    paths: list[str] = []
    assert_type(labelfree.rank("x"), Report)
    assert_type(labelfree.rank(paths), Reports)
    assert_type(labelfree.rank(paths, concat=True), Report)
    assert_type(labelfree.transfer(paths, only="infomax"), Reports)
    assert_type(labelfree.doctor(("a", "b")), Reports)
    assert_type(labelfree.rank(paths)[0], Report)
    assert_type(labelfree.rank(paths)["a"], Report)
    assert_type(labelfree.rank(paths)[1:], Reports)
    assert_type(labelfree.rank(paths).best, Report)
