"""What a directory would run if it were asked to, read from its JSON files; and the hub out of reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelfree.errors import SourceError, UnsafeCheckpoint, option

_MOST_BYTES = 4 << 20
_DATA = ("tokenizer.json", "vocab.json", "added_tokens.json")
_OWN_MODULE = re.compile(
    r"sentence_transformers\.(models|base\.modules|sentence_transformer\.modules)(\.[a-z_]+)?\."
    r"(Transformer|Pooling|Dense|Normalize|LayerNorm|Dropout|WeightedLayerPooling|StaticEmbedding|CNN|LSTM|CLIPModel)"
)
_ACTIVATION = re.compile(r"torch\.nn\.modules\.(activation|linear)\.[A-Za-z]+")


def allows() -> str:
    """What the option that lets a checkpoint run code means."""
    lets = "lets the checkpoint run any code with your rights: use it only where you know who made the file"
    return f"{option('trust_code', True)} {lets}"


def refuse_code(path: Path) -> None:
    """Refuse a directory that names code: modules of its own, classes outside the libraries, kernels of a hub."""
    wanted = list(wanted_code(path))
    if wanted:
        raise UnsafeCheckpoint(
            f"{path}: wants to run code: {'; '.join(wanted[:5])}; nothing was run. Expected a model that the installed "
            "libraries have themselves: where they know its model_type, remove auto_map from the JSON files; else "
            + allows()
        )


def wanted_code(path: Path) -> Iterator[str]:
    """What the JSON files of a directory would have imported, each with the file that names it."""
    for directory in (path, *(part for part in module_directories(path) if part != path)):
        check_files(directory)
        for file in sorted(directory.glob("*.json")):
            if file.name not in _DATA and not file.name.endswith(".index.json"):
                for what in _named(read_json(file), file.name):
                    yield f"{file.relative_to(path)}: {what}"


def check_files(directory: Path) -> None:
    """Refuse pipes and devices in a directory: reading one may never end."""
    entries = list(directory.iterdir()) if directory.is_dir() else []  # one without settings may be missing
    odd = [file for file in entries if file.exists() and not (file.is_file() or file.is_dir())]
    if odd:
        raise SourceError(f"{odd[0]}: expected a file, found a pipe or device; remove it from the directory")


def module_directories(path: Path) -> list[Path]:
    """Where the modules of a sentence-transformers directory lie; none of another directory."""
    file = path / "modules.json"
    if not file.exists():
        return []
    try:
        parts = [str(module["path"]) for module in read_json(file)]
    except (TypeError, KeyError) as error:
        raise SourceError(f"{file}: expected a list of modules, each with type and path ({error!r})") from error
    for part in parts:
        if Path(part).is_absolute() or ".." in Path(part).parts:
            raise UnsafeCheckpoint(f"{file}: the module path {part!r} lies outside the directory; it is refused")
    return [path / part for part in parts]


def read_json(file: Path, most: int = _MOST_BYTES) -> Any:
    """The content of a JSON file of a checkpoint, of at most this many bytes."""
    try:
        if file.stat().st_size > most:
            of = "a few kB" if most == _MOST_BYTES else f"at most {most / 1e6:.0f} MB"
            raise SourceError(f"{file}: expected settings of {of}, found {file.stat().st_size / 1e6:.0f} MB")
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file}: expected JSON ({type(error).__name__}: {error}); download it again") from error


def _named(document: Any, name: str, depth: int = 0) -> Iterator[str]:
    if depth > 50:
        yield "settings nested more than 50 deep"
        return
    if isinstance(document, list):
        for part in document:
            yield from _named(part, name, depth + 1)
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        if _imported(key, value, name):
            yield f"{key} {json.dumps(value)[:200]}"
        else:
            yield from _named(value, name, depth + 1)


def _imported(key: str, value: Any, name: str) -> bool:
    """Whether a setting in a file of this name makes the libraries import what it names."""
    if key == "auto_map":
        return bool(value)
    if key in ("attn_implementation", "_attn_implementation"):
        return "/" in str(value)  # a kernel of the hub
    if key in ("activation_function", "tokenizer_class"):
        return "." in str(value) and not _ACTIVATION.fullmatch(str(value))
    if name == "modules.json":
        return key == "type" and not _OWN_MODULE.fullmatch(str(value))
    return name == "router_config.json" and key == "types"


def refuse_adapter(path: Path) -> None:
    """Refuse the weights of an adapter: the model that it changes is elsewhere."""
    file = path / "adapter_config.json"
    if file.exists():
        settings = read_json(file)
        base = settings.get("base_model_name_or_path") if isinstance(settings, dict) else None
        raise SourceError(
            f"{path}: is an adapter (PEFT) of the model {base!r}, which is elsewhere and is not fetched; merge the two "
            "first: PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(DIR), and name DIR"
        )


@contextmanager
def offline() -> Iterator[None]:
    """No request to a hub, whatever the environment says; afterwards all is as it was."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def quiet() -> Iterator[None]:
    """Neither bars nor advice of transformers on stderr: what matters there is said in our words."""
    import logging
    import warnings

    from transformers.utils import logging as theirs

    verbosity, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    sentences = logging.getLogger("sentence_transformers")
    level = sentences.level
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    sentences.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.set_verbosity(verbosity)
        sentences.setLevel(level)
        if bars:
            theirs.enable_progress_bar()
