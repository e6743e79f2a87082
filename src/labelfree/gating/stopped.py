"""The verdict that ended a run, read from its file as that of a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelfree.catalog import known_command
from labelfree.documents.files import read_text
from labelfree.documents.findings import SEVERITIES, with_fix
from labelfree.documents.forms import NOTHING, NUMBER, OBJECT, PAIR, STATED, TEXT, WHOLE, Expected, Form, misfit
from labelfree.documents.reading import SCHEMA_VERSION, parsed
from labelfree.errors import LabelfreeError, UsageError
from labelfree.gating.api import EXIT_CODES, STOPPING, verdict
from labelfree.gating.settings import NUMBERS, VERSIONS, WHEN, rule_numbers

_MOST = 1 << 24
"""Bytes of a verdict that are read."""
_LIST = Expected("a list", lambda value: isinstance(value, list))
_DECISION = Expected(f"one of {', '.join(EXIT_CODES)}", lambda value: isinstance(value, str) and value in EXIT_CODES)
_SAID: Form = {"decision": _DECISION, "reason": TEXT, "message": TEXT}
_BEST: Form = {"value": NUMBER, "step": WHOLE, "source": TEXT, "checks_since": WHOLE, "steps_since": WHOLE}
_DOCUMENT: Form = {
    "schema_version": WHOLE,
    "command": TEXT,
    "inputs": _LIST,
    "settings": {"rule": TEXT},
    "verdict": {
        **_SAID, "exit_code": WHOLE, "conditions": _LIST, "guards": _LIST, "warnings": _LIST,
        "findings?": _LIST, "best": OBJECT | NOTHING, "state?": OBJECT | NOTHING,
    },
}  # fmt: skip
_SEVERITY = Expected(
    f"one of {', '.join(SEVERITIES)}", lambda value: isinstance(value, str) and value in SEVERITIES
)  # fmt: skip
_FINDING: Form = {"code": TEXT, "severity": _SEVERITY, "message": TEXT, "fix": TEXT}
_HISTORY: Form = {"role": TEXT, "path": TEXT, "run": TEXT, "checks": WHOLE, "first_step": WHOLE, "last_step": WHOLE}
_CONDITION: Form = {
    **_SAID, "kind": TEXT, "metric": TEXT, "estimate?": NUMBER | NOTHING, "interval?": PAIR | NOTHING,
    "limit?": NUMBER | NOTHING, "level?": NUMBER | NOTHING, "latest?": OBJECT | NOTHING, "best?": OBJECT | NOTHING,
}  # fmt: skip
_GUARD: Form = {**_SAID, "name": TEXT, "step": WHOLE, "rank_share": NUMBER | NOTHING}


def stopped(path: Path) -> dict[str, Any]:
    """The verdict that a watch wrote into its STOP, or a UsageError that says why the file holds none."""
    try:
        document = parsed(read_text(path, _MOST), unique=True)
        wrong = _wrong(document)
    except OSError as error:
        wrong = f"it cannot be read: {error.strerror or error}"
    except (ValueError, LabelfreeError) as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"{path}: is there, and holds no verdict of labelfree; remove it to watch the run ({wrong})")
    return dict(document)


def _wrong(document: Any) -> str:
    """What is expected of a verdict on a run and is not so; empty for one that a watch may have written."""
    if wrong := misfit(document, _DOCUMENT):
        return wrong
    known = known_command(document["command"])
    if document["schema_version"] != SCHEMA_VERSION or known is None or known.document != "verdict":
        return f"schema_version is not {SCHEMA_VERSION}, or command none that gives verdicts"
    said, settings = document["verdict"], document["settings"]
    conditions, guards = said["conditions"], said["guards"]
    if not all(isinstance(text, str) for text in said["warnings"]):
        return "verdict.warnings are not texts"
    places = [(f"inputs[{i}]", given, _HISTORY) for i, given in enumerate(document["inputs"])]
    places += [(f"verdict.conditions[{i}]", condition, _CONDITION) for i, condition in enumerate(conditions)]
    places += [(f"verdict.guards[{i}]", guard, _GUARD) for i, guard in enumerate(guards)]
    places += [(f"verdict.findings[{i}]", one, _FINDING) for i, one in enumerate(said.get("findings", ()))]
    for where, found, form in places:
        if wrong := misfit(found, form, where):
            return wrong
    if "findings" in said and said["warnings"] != [with_fix(one["message"], one["fix"]) for one in said["findings"]]:
        return "verdict.warnings are not the messages of its findings"
    if not conditions or not document["inputs"] or any(given["role"] != "history" for given in document["inputs"]):
        return "it judges no history"
    rule = settings["rule"]
    if rule == "slope" and "rule_version" not in settings:  # of version 0.1
        rule = "slope-v1"
    if settings.get("rule_version", 1) != VERSIONS.get(rule) and rule in VERSIONS:
        return f"settings.rule_version is not that of the rule {rule}"
    if settings.get("when", WHEN[0]) not in WHEN:
        return f"settings.when is none of {', '.join(WHEN)}"
    given = {name: settings[name] for name in NUMBERS if name in settings}
    if (
        lacking := rule_numbers(
            rule, {k: v for k, v in given.items() if (k, v) not in (("checks", None), ("cycle", None))}
        ).keys()
        - given.keys()
    ):
        return f"settings.{min(lacking)} is missing"
    for i, condition in enumerate(conditions):
        if wrong := _wrong_plateau(condition, rule):
            return f"verdict.conditions[{i}]{wrong}"
    if said["best"] is not None and (wrong := misfit(said["best"], {"metric": TEXT, **_BEST}, "verdict.best")):
        return wrong
    if said.get("state") is not None and (wrong := misfit(said["state"], {**STATED, "of": TEXT}, "verdict.state")):
        return wrong
    return _contradiction(said, settings.get("when", "any"))


def _wrong_plateau(condition: dict[str, Any], rule: str) -> str:
    """What is wrong with the condition on a plateau; empty where nothing is."""
    if condition["kind"] != "plateau":
        return ".kind is not plateau"
    if "latest" not in condition:
        return ".latest is missing"
    for name, form in (("latest", {"value": NUMBER | NOTHING}), ("best", _BEST)):
        if condition.get(name) is not None and (wrong := misfit(condition[name], form, f".{name}")):
            return wrong
    if condition.get("interval") is not None and (
        condition.get("estimate") is None or rule not in ("slope", "slope-v1")
    ):
        return f".interval is that of no estimate of the rule {rule}"
    return ""


def _contradiction(said: dict[str, Any], when: str) -> str:
    """In what a verdict is not that of its conditions and guards, or does not end a run; empty where it is and does."""
    due = verdict(said["conditions"], said["guards"], when)
    for name in ("decision", "exit_code", "reason", "message"):
        if said[name] != due[name]:
            return f"its conditions say {name} {due[name]!r}, it says {said[name]!r}"
    return "" if said["decision"] in STOPPING else f"{said['decision']} ends no run"
