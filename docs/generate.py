"""Write what the documents say of the code and of results: cli.md, metrics.md, pages, a picture.

python docs/generate.py            writes them
python docs/generate.py --check    exits with 1 where one is out of date (the picture aside)
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args, get_origin

from doctor_tables import doctor
from drift_tables import drift
from first_estimate_tables import first_estimate
from noise_tables import alarms, seen
from opis_tables import opis
from scale_tables import scale
from selection_tables import selection
from separability_tables import separability
from similarity_tables import compare
from state_tables import state
from transfer_tables import transfer
from weights_tables import weights

DOCS = Path(__file__).parent
NOTICE = "<!-- Written by docs/generate.py; change the code, or the introduction there, and run it. -->\n"


def cli() -> str:
    """The reference of the command line, from the program itself."""
    import typer.main

    from labelfree.cli.main import app

    root: Any = typer.main.get_command(app)
    out = [NOTICE, "# Command line\n", (DOCS / "cli.intro.md").read_text()]
    for name, command in _commands(root):
        summary, _, examples = (command.help or "").partition("\n\n")
        out += [f"## {name}\n", " ".join(summary.split()) + "\n"]
        lines = [line.strip() for line in examples.replace("\b", "").splitlines() if line.strip()]
        if lines:
            out += ["```\n" + "\n".join(lines) + "\n```\n"]
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            out += ["| option | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n"]
    return "\n".join(out)


def _commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its full name, those of a group in its place."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{o}`" for o in parameter.opts) if parameter.opts[0].startswith("-") else "`SOURCE`"
    if not parameter.opts[0].startswith("-"):
        names = f"`{(parameter.metavar or parameter.name).upper()}`"
    shown = getattr(parameter, "show_default", None)
    default = shown if isinstance(shown, str) else parameter.default
    if default is None or default is False or callable(default) or parameter.required or default == "":
        default = ""
    annotation = parameter.type_descriptor.annotation
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    about = " ".join((getattr(parameter, "help", None) or "").split())
    if choices:
        about += " One of " + ", ".join(f"`{c}`" for c in choices) + "."
    if getattr(parameter, "envvar", None):
        about += f" Environment: `{parameter.envvar}`."
    return f"| {names} | {f'`{default}`' if default != '' else ''} | {about.replace('|', chr(92) + '|')} |"


def metrics() -> str:
    """A section for every metric, from its docstring and its entry in METRICS."""
    from labelfree.metrics import METRICS
    from labelfree.reports.definitions import sections

    intro = (DOCS / "metrics.intro.md").read_text()
    out = [NOTICE, "# Metrics\n", intro]
    out += ["| metric | kind | better | |", "|---|---|---|---|"]
    for m in METRICS:
        better = {"higher": "higher", "lower": "lower", "target": "nearest its target", "none": ""}[m.direction]
        out.append(f"| [{m.name}](#{m.name}) | {m.kind} | {better} | {_text(m.explanation.splitlines()[0])} |")
    for m in METRICS:
        out += ["", f"## {m.name}", ""]
        for head, text in sections(m):
            out += [f"{_text(text)}", ""] if not head else [f"- **{head}.** {_text(text)}"]
    return "\n".join(out) + "\n"


def metrics_evidence() -> str:
    """How often intervals held, what noise counts for: the template with the tables filled in."""
    page = (DOCS / "evidence" / "metrics.intro.md").read_text()
    for name, filled in {"COVERAGE": coverage(), "ALARMS": alarms(), "SEEN": seen()}.items():
        page = page.replace(f"@{name}@", filled)
    return page


def glossary() -> str:
    """The words that tables print, the codes of findings and of reasons: what `labelfree explain` says of each."""
    from labelfree.documents.finding_codes import CODES
    from labelfree.documents.glossary import WORDS, meaning
    from labelfree.documents.reason_codes import REASONS

    out = [NOTICE, "# Glossary\n", "`labelfree explain WORD` prints what stands here; of a metric, its section in "]
    out[-1] += "[metrics.md](metrics.md).\n"
    out += ["## Words of tables\n", "| word | what it means |", "|---|---|"]
    out += [f"| {word} | {text} |" for word, text in sorted(WORDS.items())]
    out += ["\n## Findings\n", "An error breaks the data or makes the numbers mean something else; a warning may"]
    out += ["mislead; a note is good to know. `labelfree doctor --strict` exits with 10 on an error, and on rows that"]
    out += ["other commands refuse. In Python errors and warnings on the rows are `labelfree.FindingWarning`.\n"]
    out += ["| code | severity | what it means |", "|---|---|---|"]
    out += [f"| `{code}` | {CODES[code].severity} | {(meaning(code) or ('', ''))[1]} |" for code in CODES]
    out += [
        "\n## Reasons\n",
        "`reason_code` of a metric without a value or with a partial one, and of a tensor that was",
    ]
    out += ["not measured. `reason` beside it has the numbers.\n", "| code | what it means |", "|---|---|"]
    out += [f"| `{code}` | {text} |" for code, text in REASONS.items()]
    return "\n".join(out) + "\n"


def face() -> str:
    """`labelfree.metrics`: the public function of every metric, from the catalog."""
    from labelfree.catalog import CATALOG

    extra = {
        "labelfree.evidence.evidence": ["Evidence", "evidence"],
        "labelfree.families": ["metrics as every_metric"],
        "labelfree.families.spec": ["Metric"],
        "labelfree.families.transfer.candidates": ["saturation"],
    }
    homes: dict[str, list[str]] = {module: list(names) for module, names in extra.items()}
    for entry in CATALOG:
        homes.setdefault(f"labelfree.families.{entry.file.replace('/', '.')}", []).append(entry.name)
    out = [
        '"""The metrics as public functions of arrays: `labelfree.metrics.rankme(X)`.',
        "",
        "Written by docs/generate.py from `labelfree.catalog`; METRICS says of each what is known beside its number.",
        '"""',
        "",
    ]
    for module, names in sorted(homes.items()):
        line = f"from {module} import {', '.join(sorted(names, key=_isort))}"
        if len(line) > 120:
            line = f"from {module} import (\n" + "".join(f"    {n},\n" for n in sorted(names, key=_isort)) + ")"
        out.append(line)
    public = [n for names in homes.values() for n in names if " as " not in n]
    out += ["", "METRICS: tuple[Metric, ...] = every_metric()", '"""Every metric, in the order of the tables."""', ""]
    out += ["__all__ = [", *(f'    "{name}",' for name in sorted(["METRICS", *public], key=_isort)), "]", ""]
    return "\n".join(out)


def _isort(name: str) -> tuple[int, str]:
    """The order in which ruff sorts names: constants, classes, functions."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


def coverage() -> str:
    """The measured coverage of the intervals as a table: all cells of each metric, and how many draws had one."""
    found: Any = json.loads((DOCS.parent / "benchmarks" / "results" / "intervals_rows.json").read_text())
    table: dict[str, list[Any]] = {}
    for metrics in found["cells"].values():
        for name, cell in metrics.items():
            table.setdefault(name, []).append(cell)
    out = [
        "| metric | with an interval | cells | coverage: lowest | median | highest | width / right width: median |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, cells in table.items():
        share = sum(c["offered"] for c in cells) / sum(c["draws"] for c in cells)
        full = [c for c in cells if c["offered"] >= c["draws"] / 2]
        covered = [c["covered"] for c in full]
        width = [c["half_width_over_196_sd"] for c in full]
        ends = [min(covered), median(covered), max(covered), median(width)] if full else []
        numbers = " | ".join([f"{end:.2f}" for end in ends] or [""] * 4)
        out.append(f"| {name} | {100 * share:.0f} % | {len(full)} | {numbers} |")
    return "\n".join(out)


def _text(text: str) -> str:
    return text.replace("*", r"\*").replace("|", r"\|").replace("<", "&lt;")


def picture() -> str:
    """What `labelfree rank epoch_*.parquet -o rank.svg` draws of the checkpoints of the demo."""
    from importlib.resources import files

    import labelfree
    from labelfree.render.pictures.panels import panels
    from labelfree.render.pictures.svg import document

    data = (files("labelfree") / "demo_data").iterdir()
    sources = sorted(str(path) for path in data if path.name.startswith("epoch"))
    return document(panels([labelfree.rank(source) for source in sources]))


DOCUMENTS = {
    DOCS.parent / "src" / "labelfree" / "metrics.py": face,
    DOCS / "evidence" / "doctor.md": doctor,
    DOCS / "evidence" / "drift.md": drift,
    DOCS / "evidence" / "select.md": selection,
    DOCS / "evidence" / "compare.md": compare,
    DOCS / "first-estimate.md": first_estimate,
    DOCS / "scale.md": scale,
    DOCS / "cli.md": cli,
    DOCS / "glossary.md": glossary,
    DOCS / "metrics.md": metrics,
    DOCS / "opis.md": opis,
    DOCS / "separability.md": separability,
    DOCS / "state.md": state,
    DOCS / "transfer.md": transfer,
    DOCS / "weights.md": weights,
    DOCS / "evidence" / "metrics.md": metrics_evidence,
    **{
        DOCS / "evidence" / f"{make.__name__}.md": partial(make, f"evidence/{make.__name__}.intro.md")
        for make in (opis, separability, state, transfer, weights)
    },
}
PICTURE = DOCS / "rank.svg"


def main() -> int:
    """Write the documents, or check them."""
    from labelfree import FindingWarning

    warnings.simplefilter("ignore", FindingWarning)
    if "--check" in sys.argv:
        stale = [path for path, make in DOCUMENTS.items() if not path.exists() or path.read_text() != make()]
        for path in stale:
            print(f"{path.name} is out of date: run python docs/generate.py")
        return 1 if stale else 0
    for path, make in DOCUMENTS.items():
        path.write_text(make())
    PICTURE.write_text(picture())
    return 0


if __name__ == "__main__":
    sys.exit(main())
