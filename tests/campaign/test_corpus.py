"""What the campaign ever found stays mended, and a short campaign finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from fuzzing.cases import Case
from fuzzing.corpus import CORPUS, kept, loaded
from fuzzing.kinds import KINDS, case
from fuzzing.running import run
from fuzzing.workers import Workers

pytestmark = [pytest.mark.once, pytest.mark.slow]

FOUND = sorted(CORPUS.glob("*.json"))
SEED, CASES = 20261127, 250


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp("streams")) as found:
        yield found


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path, workers: Workers, tmp_path: Path) -> None:
    assert run(loaded(path), tmp_path / "place", workers) == []


@pytest.mark.filterwarnings("ignore")  # numbers beyond a type, on purpose
def test_a_short_campaign_finds_nothing(workers: Workers, tmp_path: Path) -> None:
    found = {number: run(case(SEED, number), tmp_path / "place", workers) for number in range(CASES)}
    assert {f"{SEED}:{number}": said for number, said in found.items() if said} == {}
    assert {case(SEED, number).kind for number in range(CASES)} == {*KINDS}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_a_case_is_its_seed_and_number(kind: str) -> None:
    one, again, other = case(1, 5, kind), case(1, 5, kind), case(1, 6, kind)
    assert one == again
    assert one != other


def test_a_case_that_is_kept_is_the_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzzing.corpus.CORPUS", tmp_path / "corpus")
    one = Case(
        "names", {"d\udcff/a\u2028.npy": b"\x00\xff"}, [["rank", "\udcfe\u4e2d\n", "-o", "o.json"]], "done", True
    )
    assert loaded(kept(one, "name")) == one
