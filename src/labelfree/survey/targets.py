"""The evidence of the metrics of transfer: target rows, the head behind their logits, a labelled source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from labelfree.errors import UsageError, option, quoted
from labelfree.evidence.labels import thresholds
from labelfree.evidence.outputs import Outputs, Variant
from labelfree.families.transfer.recovered_head import COMMON, cross_check, log_probabilities, mismatch, recovered
from labelfree.head import Head
from labelfree.sources.block import AUTO, Columns, Source
from labelfree.sources.checkpoints.heads import find_head
from labelfree.sources.opening import open_source
from labelfree.sources.subsets import DOMAINS, only, rows_by, with_head
from labelfree.survey.found import Survey
from labelfree.survey.scores import Wanted


@dataclass(frozen=True)
class Setting:
    """What surrounds a target: the options of `transfer` beside the shared ones.

    logits: the column of class scores; source: labelled rows of the domain the model was trained on, whose label
    column is `label`; head: where the last linear layer is; audit: the label column of the target, if it may be read.
    """

    logits: str | None = None
    source: Any = None
    label: str | None = None
    head: Any = None
    variant: Variant = "standard"
    audit: str | None = None


def target_columns(base: Columns, setting: Setting) -> Columns:
    """The columns to read of a target."""

    return replace(base, outputs=setting.logits or AUTO, label=setting.audit, domain=AUTO)


def source_columns(base: Columns, setting: Setting) -> Columns:
    """The columns to read of the source."""

    return replace(base, outputs=setting.logits or AUTO, label=setting.label or AUTO)


def open_targets(given: Any, base: Columns, setting: Setting) -> list[Source]:
    """The data sets that a source of targets holds: its target rows, one for each epoch.

    Where a column `domain` tells source from target, the source rows are `beside` them.
    """
    opened, beside = open_source(given, target_columns(base, setting)), None
    if "domain" in opened.roles:
        if "source" in rows_by(opened, "domain"):
            if setting.source is not None:
                raise UsageError(f"{opened.name}: holds rows of the domain 'source'; leave out {option('source')}")
            columns = replace(source_columns(base, setting), domain=AUTO)
            beside = _of_domain(open_source(given, columns), "source")
        opened = _of_domain(opened, "target")
    opened = replace(opened, beside=beside, notes=tuple(map(_with_audit, opened.notes)))
    if "epoch" not in opened.roles:
        return [opened]
    epochs = rows_by(opened, "epoch") or {None: 0}  # a file without rows is one data set too
    if len(epochs) == 1:
        ((epoch, total),) = epochs.items()
        return [only(opened, "epoch", epoch, total, opened.name)]
    return [only(opened, "epoch", e, total, f"{opened.name} epoch {e}") for e, total in epochs.items()]


def _with_audit(note: str) -> str:
    """What is said of a label column that was not read, with the way to use one of a target."""
    name = note.split("'")[1]
    return f"{note} of the target; {option('audit', name)} shows the true accuracy beside the estimates"


def source_of(target: Source, base: Columns, setting: Setting) -> Source | None:
    """The source rows: those of the option source, or those beside the target in its own file."""
    if setting.source is None and target.beside is None and setting.label is not None:
        raise UsageError(
            f"{option('label', setting.label)}: names the label column of source rows, and there are none; add "
            f"{option('source', like='FILE')}, or {option('audit', setting.label)} where it is a column of the target"
        )
    if setting.source is None:
        return target.beside
    opened = open_source(setting.source, replace(source_columns(base, setting), domain=AUTO, amount=None))
    opened = _of_domain(opened, "source") if "domain" in opened.roles else opened
    return _without_epochs(opened)


def _without_epochs(opened: Source) -> Source:
    """Source rows of one epoch."""
    if "epoch" not in opened.roles:
        return opened
    epochs = rows_by(opened, "epoch")
    if len(epochs) > 1:
        raise UsageError(f"{opened.name}: expected source rows of one epoch, found {len(epochs)}; keep those of one")
    ((epoch, total),) = epochs.items()
    return only(opened, "epoch", epoch, total, opened.name)


def _of_domain(opened: Source, domain: str) -> Source:
    counts = rows_by(opened, "domain")
    if not set(counts) <= {*DOMAINS} or domain not in counts:
        found = ", ".join(map(quoted, list(counts)[:6]))
        raise UsageError(
            f"{opened.name}: column {opened.roles['domain']!r}: expected rows of {domain!r} (and 'source' or 'target' "
            f"elsewhere), found {found}; rename the column where it means something else"
        )
    return only(opened, "domain", domain, counts[domain], opened.name)


def surveyed(
    target: Source,
    source: Source | None,
    setting: Setting,
    of: Callable[[Source, Wanted], Survey],
    *,
    headed: bool = True,
) -> Survey:
    """The survey of the target with the evidence of its head and of the source; `of` surveys one data set.

    headed: whether a metric looks at the head, which is recovered for none else.
    """
    head = None
    if setting.head is not None:
        classes = target.outputs.classes if target.outputs else None
        head = find_head(setting.head, d=target.d, classes=classes)
        target = target if target.outputs or target.summaries else with_head(target, head)
        if source is not None and source.outputs is None and source.d == target.d and not source.summaries:
            source = with_head(source, head)
    if source is not None:
        _check_classes(target, source)
    behind = None if source is None else of(source, Wanted(labels="label" in source.roles))
    known = None if behind is None or behind.evidence.outputs is None else behind.evidence.outputs.labelled
    derived = target.outputs is not None and target.outputs.kind == "probabilities"
    wanted = Wanted(
        thresholds=None if known is None else thresholds(known),
        regression=headed and head is None and not derived,
        labels=setting.audit is not None,
    )
    found = of(target, wanted)
    outputs = replace(found.evidence.outputs or Outputs(), variant=setting.variant)
    if headed and head is None and target.outputs is not None:
        made = _recovered(found, outputs, derived)
        if isinstance(made, Head):
            head = made
        else:
            outputs = replace(outputs, why_no_head=made)
    outputs = replace(outputs, head=_compared(head, found, outputs, derived))
    reference = None if behind is None else behind.evidence
    return replace(found, evidence=replace(found.evidence, outputs=outputs, reference=reference), behind=behind)


def _check_classes(target: Source, source: Source) -> None:
    """Refuse class scores of two models: accuracy on one says nothing of accuracy on the other."""
    if target.outputs is None or source.outputs is None:
        return
    found = [max(one.outputs.classes, 2) for one in (target, source) if one.outputs]
    if len(set(found)) > 1:
        raise UsageError(
            f"{source.name}: expected source rows of {found[0]} classes as in {target.name}, found {found[1]} "
            f"(column {source.outputs.name!r}); give source rows scored by the same model"
        )


def _recovered(found: Survey, outputs: Outputs, derived: bool) -> Head | str:
    """The head by least squares, or the reason why there is none."""
    if found.source.summaries:
        return f"no head was given ({option('head', like='FILE')}), and a summary holds nothing to recover it from"
    if outputs.logits is not None and log_probabilities(outputs.logits):
        derived = True
    if derived or found.regression is None:
        head: Head | str = COMMON
    else:
        head = recovered(found.regression, stored=found.evidence.stored)
    if isinstance(head, Head):
        return head
    return f"no head was given ({option('head', like='FILE')}), and it cannot be recovered: {head}"


def _compared(head: Head | None, found: Survey, outputs: Outputs, derived: bool) -> Head | None:
    """The head with how far its logits are from those of the sampled rows."""
    e = found.evidence
    if head is None or outputs.logits is None or e.drawn is None:
        return head
    derived = derived or log_probabilities(outputs.logits)
    residual, spread = cross_check(head, e.drawn.rows, outputs.logits, probabilities=derived)
    return replace(head, residual=residual, spread=spread)


def head_warning(found: Survey) -> str | None:
    """One sentence where the features are not what the head was applied to."""
    outputs = found.evidence.outputs
    return None if outputs is None or outputs.head is None else mismatch(outputs.head)
