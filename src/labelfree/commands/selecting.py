"""`labelfree.select`: candidates in, the one to keep out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from labelfree.catalog import SAMPLE, command
from labelfree.commands.candidate_checkpoints import embedded_candidates
from labelfree.commands.candidate_rows import CandidateRows, Store, read_candidates
from labelfree.commands.candidate_sources import Named, opened_candidates
from labelfree.commands.chosen import Chosen
from labelfree.commands.comparing import alone, apart_interval, check_constant, in_another_order
from labelfree.commands.label_files import check_files, read_labels, read_shares
from labelfree.commands.labelling import budget, by_labels
from labelfree.commands.options import MODELS, Options, checked
from labelfree.commands.reporting import setting_name
from labelfree.commands.warned import warned
from labelfree.documents.findings import Finding
from labelfree.documents.leftovers import temporary_directory
from labelfree.errors import UsageError, option
from labelfree.families.selection.choosing import Choice, choose
from labelfree.kernels.devices import kernels_for
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress, silent
from labelfree.reports.entries import FindingEntry, Verdict
from labelfree.reports.rows import SampleInfo
from labelfree.reports.select import CandidateEntry, SelectInput, SelectRule

_SETTINGS = ("label", "logits", "column", "id", "on_bad", "seed", "device", "memory")
VETOED = "likely_collapsed"
"""The state of an embedding that is never chosen, and its code among the vetoes."""


def select(
    candidates: Any,
    *,
    source: Any = None,
    label: str | None = None,
    head: Any = None,
    logits: str | None = None,
    ordered: bool | None = None,
    class_shares: Any = None,
    labels: Any = None,
    label_budget: int | None = None,
    strict: bool = False,
    column: str | None = None,
    id: str | None = None,
    on_bad: Literal["error", "drop"] = "error",
    sample: int | Literal["all"] | None = SAMPLE,
    seed: int = 0,
    device: str = "cpu",
    memory: int | None = None,
    threads: int | None = None,
    data: Any = None,
    model: Any = None,
    layer: str | None = None,
    pool: str | None = None,
    trust_code: bool = False,
    batch_size: int | None = None,
    progress: Progress = silent,
) -> Chosen:
    """Which candidate to keep: the best without labels, those that tie with it, or why it cannot be decided.

    candidates: a list of paths, frames or dicts of arrays, one path of a directory, a pattern or a file with a column
    epoch, or a dict by name of any of these, of (n, d) arrays, or of pairs (embeddings, logits). All of the same rows:
    joined by id, by position where there are no ids. source: labelled rows of the domain the model was trained on, one
    for all or a dict by name, of anything that a data set can be, or pairs (embeddings, labels); where it is not given
    a file NAME.source.parquet beside NAME.parquet, or rows whose column domain is 'source'; label: their label column.
    ordered: whether the candidates are steps of one run in the order given, None for where their names say steps;
    class_shares: how frequent each class is in the rows, where that is known; labels: a file or table of id, label and
    perhaps weight; label_budget: how many rows to draw whose labels would tell most (`write_label_rows` of what is
    returned); strict: put a verdict into the document. data: what checkpoints are run over first, whose paths the
    candidates then are. The others are as for `transfer`.

    Without class scores nothing is decided, and `advice` names the best score: no rule is known that chooses much
    better than chance there.

    >>> import numpy as np
    >>> chance = np.random.default_rng(0)
    >>> label = np.arange(60) % 3
    >>> def rows(noise):
    ...     X = 4 * np.eye(3)[label] + noise * chance.normal(size=(60, 3))
    ...     return {"id": np.arange(60), "embedding": X, "logits": X}
    >>> found = select({"noisy": rows(3.0), "clear": rows(0.3), "copy": rows(0.3), "worse": rows(2.0)})
    >>> found.advice or found.chosen
    'clear'
    """
    chosen = checked(
        command("select"),
        {
            "source": source, "label": label, "head": head, "logits": logits, "column": column, "id": id,
            "on_bad": on_bad, "sample": sample, "seed": seed, "device": device, "memory": memory, "threads": threads,
            "data": data, "model": model, "layer": layer, "pool": pool, "trust_code": trust_code,
            "batch_size": batch_size,
        },
    )  # fmt: skip
    if label_budget is not None and (isinstance(label_budget, bool) or label_budget < 1):
        raise UsageError(f"{option('label_budget')}: expected a number of rows of at least 1, found {label_budget!r}")
    check_files(labels=labels, class_shares=class_shares)
    with ExitStack() as stack:
        place = stack.enter_context(temporary_directory())
        told: list[Finding] = []
        if chosen.data is None:
            named = opened_candidates(candidates, chosen, (labels, class_shares))
        else:
            named, told = embedded_candidates(candidates, chosen, place, progress)
        stack.enter_context(limited_threads(chosen.threads))  # not before: models run on all cores
        named, in_order = _in_order(named, ordered)
        found, more = read_candidates(named, chosen, Store(place), progress)
        told += more
        shares = None if class_shares is None else read_shares(class_shares, _classes(found, "class_shares"))

        def advance(done: int) -> None:
            progress("comparing candidates", done / len(found))

        choice = choose(
            [one.candidate for one in found], ordered=in_order, class_shares=shares,
            vetoes=[VETOED if one.state == VETOED else None for one in found], seed=chosen.seed, advance=advance,
            kernels=kernels_for(chosen.device),
        )  # fmt: skip
        told += [Finding(one.code, str(one)) for one in choice.warnings]
        if shares is not None and "class_shares" not in choice.rule["parameters"]:
            told.append(
                Finding("shares_not_used", "the class shares change nothing: this rule takes none into account")
            )
        told += check_constant(found)
        if all("id" not in one.opened.roles for one in found):
            told += in_another_order(found)
        others = alone(found)
        ids = found[0].ids if labels is not None or label_budget is not None else []
    report = _report(found, choice, chosen, told, others, {
        "ordered": in_order, "class_shares": None if shares is None else shares.tolist(),
        "labels": setting_name(labels), "label_budget": label_budget,
    })  # fmt: skip
    if labels is not None:
        given = read_labels(labels, ids, _classes(found, "labels"))
        report = by_labels(report, found, given)
    if label_budget is not None:
        _classes(found, "label_budget")
        report = budget(report, found, label_budget, ids, chosen.seed)
    return warned(_with_verdict(report) if strict else report)


def _in_order(named: Sequence[Named], ordered: bool | None) -> tuple[list[Named], bool]:
    """The candidates in the order of their steps, and whether they are steps of one run."""
    steps = [one.step for one in named]
    distinct = None not in steps and len(set(steps)) == len(steps)
    if ordered is not None or not distinct:
        return list(named), bool(ordered)
    return sorted(named, key=lambda one: one.step or 0), True


def _classes(found: Sequence[CandidateRows], asked: str) -> int:
    """The number of classes, or a refusal of what has no meaning without class scores."""
    if found[0].classes is None:
        raise UsageError(
            f"{option(asked)}: needs class scores of the candidates, which have none; add a column logits, or give "
            f"{option('head', like='FILE')}"
        )
    return found[0].classes


def _report(
    found: Sequence[CandidateRows],
    choice: Choice,
    chosen: Options,
    told: Sequence[Finding],
    others: Mapping[str, str],
    settings: Mapping[str, Any],
) -> Chosen:
    """The document of a choice."""
    entries = []
    n = len(found[0].keys)
    for one, judged in zip(found, choice.judged, strict=True):
        share = judged.apart_from_best
        entries.append(
            CandidateEntry(
                name=one.name, step=one.step, score=judged.score, se=judged.se, status=judged.status, veto=judged.veto,
                parts={**judged.parts, **one.measures}, apart_from_best=share, apart_interval=apart_interval(share, n),
                source=one.place, state=one.state,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    entries.sort(key=_place)
    best = None if choice.best is None else found[choice.best].name
    decided = choice.decision != "undecided"
    first = found[0]
    sampled = chosen.sample is not None and min(one.n for one in found) > chosen.sample
    names = [one.place for one in found]
    given = {
        **{name: getattr(chosen, name) for name in _SETTINGS},
        "source": _source_name(chosen.source), "head": setting_name(chosen.head),
        "sample": "all" if chosen.sample is None else chosen.sample,
        **settings,
    }  # fmt: skip
    if chosen.data is not None:
        given |= {name: getattr(chosen, name) for name in MODELS}
        given |= {name: setting_name(given[name]) for name in ("data", "model")}
    return Chosen(
        settings=given,
        input=SelectInput(
            n=min(one.n for one in found) if sampled else n, rows_hash=first.rows_hash, id=first.opened.roles.get("id"),
            classes=first.classes, sample=SampleInfo(size=n, seed=chosen.seed) if sampled else None,
        ),
        setting=choice.setting, decision=choice.decision, chosen=best if decided else None,
        advice=None if decided else best,
        tied=[one.name for one in entries if one.status in ("best", "tied")],
        plausible=[one.name for one in entries if one.status in ("best", "tied", "plausible")],
        reason=choice.reason, reason_code=choice.reason_code, candidates=entries,
        rule=SelectRule(**choice.rule), alone=dict(others), labels=None, label_budget=None, verdict=None,
        findings=[FindingEntry.of(one, one.sources or names) for one in told],
    )  # fmt: skip


def _place(one: CandidateEntry) -> tuple[bool, bool, float]:
    """A sort key: the best first, those without a score last."""
    return one.status != "best", one.score is None, -(one.score or 0.0)


def _source_name(given: Any) -> str | None:
    return "mapping" if isinstance(given, Mapping) else setting_name(given)


def _with_verdict(report: Chosen) -> Chosen:
    """The choice with the verdict of `strict`."""
    if report.decision == "undecided":
        verdict = Verdict(decision="undecided", reason=report.reason or "", conditions=[])
    else:
        verdict = Verdict(decision="pass", reason=f"{report.decision} {report.chosen}", conditions=[])
    return report.updated(verdict=verdict)
