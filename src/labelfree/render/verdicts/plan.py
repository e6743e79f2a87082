"""A plan of the rule slope as a table and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from labelfree.documents.wording import cell, counted, one_line
from labelfree.render.console import plain_table, print_table


def rows(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is asked of a plan, and the answers."""
    plan, used = document["plan"], document["settings"]
    least, most = f"{used['min_delta']:g}", f"{100 * (1 - used['confidence']):.3g} %"
    flat = f"flat from check {plan['flat_from'] + 1} on"
    found = [
        (f"{flat}: stopped", _share(plan["found"])),
        (f"{flat}: stopped within two windows", _share(plan["found_soon"])),
        (f"{flat}: checks until the stop, median", "-" if plan["delay"] is None else f"{plan['delay']:g}"),
        (f"{flat}: checks saved", _share(plan["saved"])),
        (f"still improving by {least} a window: stopped", f"{_share(plan['too_early'])} (at most {most} promised)"),
        ("first decision at check", str(plan["first_decision"])),
        ("min-delta that is found in 80 % of runs", f"{plan['detectable']:.3g}"),
    ]
    if plan["noise_needed"] is not None:
        found.append((f"largest noise at which {least} is found", f"{plan['noise_needed']:.3g}"))
    if not plan["decidable"]:
        more = plan["checks_needed"]
        found.append((f"checks with which {least} is found", "more than 400" if more is None else str(more)))
    return found


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.0995 or value == 0 else f"{100 * value:.1f} %"


def answer(document: Mapping[str, Any]) -> str:
    """The word that begins a plan."""
    return "can be decided" if document["plan"]["decidable"] else "cannot be decided"


def note(document: Mapping[str, Any]) -> str:
    """The settings, in a line."""
    used = document["settings"]
    source = used["noise_from"]
    of = "" if source is None else f" (of {source['metric']} in {one_line(source['path'])}, run {source['run']})"
    return (
        f"rule slope (version {used['rule_version']}): {counted(used['checks'], 'check')}, warm-up {used['warmup']}, "
        f"window {used['window']}, confidence {used['confidence']:g}, min-delta {used['min_delta']:g}; noise "
        f"{used['noise']:.3g}{of}, autocorrelation {used['autocorrelation']:g}; {used['runs']:,} runs of each kind "
        "were simulated"
    )


def show(console: Console, document: Mapping[str, Any]) -> None:
    """Print a plan, its answer first."""
    style = "bold green" if document["plan"]["decidable"] else "bold yellow"
    console.print(Text.assemble(("gate plan", "bold"), "  ", (answer(document), style)))
    console.print(Text(document["plan"]["message"]))
    console.print()
    table = plain_table(console)
    table.add_column("runs", overflow="fold")
    table.add_column("found", justify="right", no_wrap=True)
    for asked, found in rows(document):
        table.add_row(Text(asked), found)
    print_table(console, table)
    console.print()
    console.print(Text(note(document), style="dim"))


def to_markdown(document: Mapping[str, Any]) -> str:
    """The plan as GitHub prints it."""
    out = [f"### gate, a plan: {answer(document)}", "", cell(document["plan"]["message"]), ""]
    out += ["| runs | found |", "|---|---:|", *(f"| {cell(asked)} | {found} |" for asked, found in rows(document))]
    return "\n".join([*out, "", f"- {cell(note(document))}"]) + "\n"
