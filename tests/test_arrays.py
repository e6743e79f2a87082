"""What a user may call an array: taken where every number is kept, else refused with the way to make one of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import labelfree
from labelfree import metrics
from labelfree.arrays import as_array
from labelfree.errors import LabelfreeError
from labelfree.training import Monitor

torch = pytest.importorskip("torch")
ROWS = np.random.default_rng(0).integers(-8, 8, size=(20, 4)) / 4  # exact in every format below


def tensor() -> Any:
    return torch.tensor(ROWS, dtype=torch.float32)


def nested(layout: str) -> Any:
    parts = [torch.ones(3, 4), torch.ones(2, 4)]
    return torch.nested.nested_tensor(parts, layout=getattr(torch, layout))


def quantized() -> Any:
    return torch.quantize_per_tensor(tensor(), 0.25, 0, torch.qint8)


def masked(hidden: Any) -> Any:
    made: Any = np.ma
    return made.masked_array(ROWS, hidden)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "coo": (lambda: tensor().to_sparse(), "dense numbers, found a tensor of layout sparse_coo; give its .to_dense()"),
    "csr": (lambda: tensor().to_sparse_csr(), "found a tensor of layout sparse_csr; give its .to_dense()"),
    "csc": (lambda: tensor().to_sparse_csc(), "found a tensor of layout sparse_csc; give its .to_dense()"),
    "blocks": (lambda: tensor().to_sparse_bsr((2, 2)), "found a tensor of layout sparse_bsr; give its .to_dense()"),
    "scipy": (lambda: sparse.csr_matrix(ROWS), "dense numbers, found a sparse matrix; give its .toarray()"),
    "scipy array": (lambda: sparse.coo_array(ROWS), "found a sparse matrix; give its .toarray()"),
    "quantized": (quantized, "dense numbers, found a quantized tensor; give its .dequantize()"),
    "meta": (lambda: tensor().to("meta"), "found a tensor on the device meta, which holds none; load or compute"),
    "nested": (lambda: nested("strided"), "found a nested tensor, whose rows have lengths of their own; pool each"),
    "jagged": (lambda: nested("jagged"), "found a nested tensor, whose rows have lengths of their own; pool each"),
    "complex": (lambda: tensor().to(torch.complex64), "found dtype complex64; take the real part, or absolute values"),
    "conjugate": (lambda: tensor().to(torch.complex64).conj(), "found dtype complex64; take the real part"),
    "claims": (lambda: tensor() > 0, "real numbers, found dtype bool; convert it to floating numbers"),
    "texts": (lambda: np.array([["a", "b"]]), "real numbers, found dtype <U1; convert it to numbers"),
    "objects": (lambda: np.array([[1.0, None]], object), "real numbers, found dtype object; convert it to numbers"),
    "dates": (lambda: np.zeros((2, 2), "datetime64[s]"), "found dtype datetime64[s]; convert it to numbers"),
    "records": (lambda: np.zeros((2, 2), [("a", float)]), "found dtype [('a', '<f8')]; take one field of it"),
    "ragged": (lambda: [[1.0, 2.0], [3.0]], "rows of one length, found list (setting an array element"),
    "graphs": (lambda: list(tensor().requires_grad_()), "rows of one length, found list (Can't call numpy() on Tensor"),
    "a generator": (lambda: (row for row in ROWS), "found an object of type generator"),
    "one number": (lambda: tensor().sum(), "found shape ()"),
    "a hole": (lambda: masked(ROWS[3, 2] == ROWS), "hold NaN or infinity, first at row"),
}
TAKEN: dict[str, Callable[[], Any]] = {
    "float32": tensor,
    "float64": lambda: tensor().double(),
    "bfloat16": lambda: tensor().bfloat16(),
    "float8": lambda: tensor().to(torch.float8_e4m3fn),
    "gradients": lambda: tensor().requires_grad_(),
    "a parameter": lambda: torch.nn.Parameter(tensor()),
    "columns": lambda: tensor().T.contiguous().T,
    "a part": lambda: torch.stack([tensor(), tensor()], 2)[:, :, 1],
    "a negative view": lambda: torch.complex(tensor(), -tensor()).conj().imag,
    "rows": lambda: list(tensor()),
    "lists": lambda: ROWS.tolist(),
    "no hole": lambda: masked(np.False_),
    "long doubles": lambda: ROWS.astype(np.longdouble),
}


@pytest.fixture(autouse=True)
def _advice_of_torch() -> Any:
    """Layouts that torch calls new, or on their way out, in a warning of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def said(work: Callable[[], Any]) -> str:
    with pytest.raises(LabelfreeError) as caught:
        work()
    return str(caught.value)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_holds_no_rows_is_refused_with_the_way_out_wherever_it_is_given(kind: str) -> None:
    made, way_out = REFUSED[kind]
    expected = {"ragged": "found a row of numbers", "graphs": "expected an (n, d) matrix"}  # a list is several sources
    assert expected.get(kind, way_out) in said(lambda: labelfree.rank(made()))
    for metric, name in ((metrics.rankme, "X"), (metrics.nuclear_norm, "logits"), (metrics.stable_rank, "X")):
        refused = said(lambda metric=metric: metric(made()))  # type: ignore[misc]
        assert refused.startswith(f"{name}: ")
        assert way_out in refused
    if kind not in ("one number",):  # the one row of a binary head
        assert way_out in said(lambda: metrics.classifier_nonuniformity(made()))


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind not in ("one number", "a hole")])
def test_a_monitor_says_what_it_cannot_take(kind: str) -> None:
    made, way_out = REFUSED[kind]
    monitor = Monitor(metrics="rankme")
    monitor.add(made())
    problem = str(monitor.check(0).problem)
    assert problem.startswith("features: expected ")
    assert way_out in problem


@pytest.mark.parametrize("kind", TAKEN)
def test_what_holds_every_number_is_taken_as_it_is(kind: str) -> None:
    np.testing.assert_array_equal(as_array(TAKEN[kind]()).astype(float), ROWS)
    known = metrics.rankme(ROWS).value
    assert known is not None
    assert metrics.rankme(TAKEN[kind]()).value == pytest.approx(known, rel=1e-6)
    if not isinstance(TAKEN[kind](), list):  # which is several sources there
        assert labelfree.rank(TAKEN[kind]())["rankme"].value == pytest.approx(known, rel=1e-6)
    monitor = Monitor(metrics="rankme")
    monitor.add(TAKEN[kind]())
    assert monitor.check(0).scalars["labelfree/rankme"] == pytest.approx(known, rel=1e-6)


def test_inside_a_transformed_function_there_is_no_array() -> None:
    found: list[str] = []

    def f(X: Any) -> Any:
        monitor = Monitor(metrics="rankme")
        monitor.add(X)
        found.append(str(monitor.check(0).problem))
        found.append(said(lambda: metrics.rankme(X)))
        return X.sum()

    torch.vmap(f)(torch.stack([tensor(), tensor()]))
    torch.func.grad(f)(tensor())
    assert len(found) == 4
    assert all("expected an (n, d) matrix" in problem and "in memory" in problem for problem in found)


@pytest.mark.parametrize("kind", ["coo", "scipy", "quantized", "meta", "nested", "ragged", "graphs"])
def test_heads_that_hold_no_rows_are_refused(kind: str) -> None:
    made, way_out = REFUSED[kind]
    for head in (made, lambda: (made(), None)):
        if kind not in ("nested", "ragged", "graphs") or head is made:
            refused = said(lambda head=head: labelfree.transfer(ROWS, head=head()))  # type: ignore[misc]
            assert way_out in refused, refused
    if kind in ("coo", "quantized", "meta"):  # a head in a state dict is loaded when it is chosen
        assert "as float32" in said(lambda: labelfree.transfer(ROWS, head={"fc.weight": made()}))


def test_a_head_with_a_negative_view_is_the_numbers_it_shows() -> None:
    view = torch.complex(tensor(), -tensor()).conj().imag[:3]
    only = ["classifier_nonuniformity"]
    given = labelfree.transfer(ROWS, head=view, only=only)["classifier_nonuniformity"].value
    assert given == labelfree.transfer(ROWS, head=tensor()[:3], only=only)["classifier_nonuniformity"].value


def test_a_layer_that_gives_nested_or_sparse_rows_is_a_problem_of_the_check() -> None:
    class Gives(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind, self.inner = kind, torch.nn.Identity()

        def forward(self, X: Any) -> Any:
            return self.inner(X.to_sparse() if self.kind == "sparse" else nested("strided"))

    for kind, way_out in (("sparse", "give its .to_dense()"), ("nested", "pool each to one row of one length")):
        model = Gives(kind).eval()
        with Monitor(model, layer="inner", metrics="rankme") as monitor, torch.no_grad():
            model(tensor())
            problem = str(monitor.check(0).problem)
        assert "inner" in problem
        assert way_out in problem
