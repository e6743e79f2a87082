"""The options that commands share, declared once; `sharing` gives them to a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

import typer

from labelfree.catalog import known_command
from labelfree.cli.completing import metric_list
from labelfree.cli.printing import flag_first

Sources: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Parquet, Arrow, CSV or JSON lines; a directory or quoted glob; .npy, .npz; a tensor of a checkpoint "
        "(model.safetensors::name); with --data a checkpoint. Each SOURCE is one data set with a row of its own.",
        show_default=False,
    ),
]
_INPUT, _RUN, _OUTPUT, _HISTORY, _MODEL = "Input", "Computation", "Output", "History", "Model"
DATA_HELP = (
    "Texts (Parquet, Arrow, .csv, .tsv, .jsonl, .txt), images (a directory, Parquet) or arrays (.npy, Parquet) "
    "that the model is run over"
)
ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What builds the network of a state dict: a function without arguments that returns a torch.nn.Module, or "
        "one and its transform.",
        metavar="PACKAGE.MODULE:FACTORY",
        rich_help_panel=_MODEL,
    ),
]
LayerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Take the output of this layer.",
        show_default="the input of the last linear layer, else the output of the model",
        metavar="NAME",
        rich_help_panel=_MODEL,
    ),
]
PoolOption: TypeAlias = Annotated[
    Literal["mean", "cls", "last", "none"] | None,
    typer.Option(
        help="One vector from tokens or a feature map; none: the layer gives one already.",
        show_default="as the model does, else mean; last for causal ones",
        rich_help_panel=_MODEL,
    ),
]
TrustCodeOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Let the checkpoint run code of its own with your rights: TorchScript, pickled modules, directories with "
        "Python files. Without it nothing in a checkpoint is run.",
        rich_help_panel=_MODEL,
    ),
]
BatchSizeOption: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="Rows of a batch.", show_default="what memory allows", rich_help_panel=_MODEL),
]


@dataclass(frozen=True)
class Shared:
    """What the user chose among the shared options."""

    column: Annotated[
        str | None,
        typer.Option(help="Column of the embeddings; 'emb_*' for one column per dimension.", rich_help_panel=_INPUT),
    ] = None
    id: Annotated[
        str | None,
        typer.Option(help="Column that identifies a row.", show_default="id, where it exists", rich_help_panel=_INPUT),
    ] = None
    concat: Annotated[
        bool, typer.Option("--concat", help="Take all SOURCEs as one data set.", rich_help_panel=_INPUT)
    ] = False
    on_bad: Annotated[
        Literal["error", "drop"],
        typer.Option(
            help="Rows that are null or hold NaN or infinity: refuse, or leave out and count.",
            rich_help_panel=_INPUT,
        ),
    ] = "error"
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Compute only these metrics: names separated by commas.",
            metavar="METRIC,...",
            autocompletion=metric_list,
            rich_help_panel=_RUN,
        ),
    ] = None
    sample: Annotated[
        str | None,
        typer.Option(
            help="Rows for pairwise metrics and intervals: a number such as 10k, or all.",
            metavar="N|all",
            envvar="LABELFREE_SAMPLE",
            rich_help_panel=_RUN,
        ),
    ] = "5000"
    seed: Annotated[int, typer.Option(help="Seed of the sample.", envvar="LABELFREE_SEED", rich_help_panel=_RUN)] = 0
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto.", envvar="LABELFREE_DEVICE", rich_help_panel=_RUN)
    ] = "cpu"
    memory: Annotated[
        str | None,
        typer.Option(
            help="Memory not to exceed, such as 400MB or 2GB; refused before any work where the estimate is higher.",
            envvar="LABELFREE_MEMORY",
            rich_help_panel=_RUN,
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads to use.", show_default="all cores", envvar="LABELFREE_THREADS", rich_help_panel=_RUN
        ),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            help=f"{DATA_HELP} first, each SOURCE being a checkpoint; --column, --id and --on-bad are then of these.",
            metavar="DATA",
            rich_help_panel=_MODEL,
        ),
    ] = None
    model: ModelOption = None
    layer: LayerOption = None
    pool: PoolOption = None
    trust_code: TrustCodeOption = False
    batch_size: BatchSizeOption = None
    all: Annotated[bool, typer.Option("--all", help="Every metric in the table.", rich_help_panel=_OUTPUT)] = False
    format: Annotated[
        Literal["table", "json", "ndjson", "csv", "md"],
        typer.Option(
            help="What stdout carries.", envvar="LABELFREE_FORMAT", callback=flag_first, rich_help_panel=_OUTPUT
        ),
    ] = "table"
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.", rich_help_panel=_OUTPUT)] = False
    value: Annotated[
        str | None,
        typer.Option(
            help="Print the bare value of this metric; of several SOURCEs a line with name and value for each.",
            metavar="METRIC",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md, a page as .html; "
            "of a spectrum and of deaths, pictures as .svg .png .pdf, and all values as .parquet.",
            metavar="FILE",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    show_ids: Annotated[
        bool,
        typer.Option(
            "--show-ids",
            help="Call the rows on the map of -o FILE.html by their ids, seen where one points at them.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    append: Annotated[
        Path | None,
        typer.Option(
            help="Append to this history (JSON Lines), for labelfree gate; begun where there is none.",
            metavar="HISTORY",
            rich_help_panel=_HISTORY,
        ),
    ] = None
    step: Annotated[
        int | None,
        typer.Option(
            help="Step of the checkpoint in the run.",
            show_default="read from names such as epoch_03, step00020, checkpoint-500",
            rich_help_panel=_HISTORY,
        ),
    ] = None
    run: Annotated[
        str | None, typer.Option(help="Name of the run.", show_default="default", rich_help_panel=_HISTORY)
    ] = None
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace another record of the same run, step and command; remove those of other commands at that "
            "step that contradict it.",
            rich_help_panel=_HISTORY,
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("-q", "--quiet", help="No findings, hints or progress.", rich_help_panel=_OUTPUT),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "-v", "--verbose", help="Say what is done, and every finding of every source.", rich_help_panel=_OUTPUT
        ),
    ] = False


@dataclass(frozen=True)
class Decided:
    """A default that the command decides, and that its help puts in words."""

    shown: str


def sharing(*, without: Sequence[str] = (), **defaults: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that spells out the parameter `shared: Shared` of a command as one option per field.

    without: fields that this command does not offer; defaults: its own where they differ from the shared ones. The
    rows of the sample are those of the catalog.
    """
    return lambda command: _spelled(command, without, _sampled(command.__name__) | defaults)


def _sampled(name: str) -> dict[str, object]:
    """The default sample of a command of the catalog."""
    known = known_command(name)
    if known is None:
        return {}
    if known.group_sample is None:
        return {"sample": str(known.sample)}
    return {"sample": Decided(f"{known.group_sample} in whole groups of --group, else {known.sample}")}


def _spelled(command: Callable[..., None], without: Sequence[str], defaults: dict[str, object]) -> Callable[..., None]:
    signature = inspect.signature(command)
    own = get_type_hints(command, include_extras=True)
    hints = get_type_hints(Shared, include_extras=True)
    spelled = []
    for f in fields(Shared):
        if f.name in without:
            continue
        default, hint = defaults.get(f.name, f.default), hints[f.name]
        if isinstance(default, Decided):
            kind, option = get_args(hint)
            option = copy(option)
            option.show_default = default.shown
            default, hint = None, Annotated[kind | None, option]
        spelled.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint))
    kept = [p.replace(annotation=own[p.name]) for p in signature.parameters.values() if p.name != "shared"]
    names = {f.name for f in fields(Shared) if f.name not in without}  # one of its own may have such a name

    def wrapped(**given: Any) -> None:
        shared = Shared(**{k: v for k, v in given.items() if k in names})
        command(**{k: v for k, v in given.items() if k not in names}, shared=shared)

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    wrapped.__signature__ = inspect.Signature([*keywords, *spelled])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in [*kept, *spelled]}
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped
