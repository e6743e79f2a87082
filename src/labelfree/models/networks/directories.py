"""Directories of transformers and sentence-transformers, run by these: from the disk alone, and no code of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from labelfree.errors import LabelfreeError, MissingExtra, SourceError, UsageError, option
from labelfree.models.items.kinds import ItemKind
from labelfree.models.networks.fingerprints import files_fingerprint
from labelfree.models.networks.limits import Held, building, check_settings
from labelfree.models.networks.network import Network, Prepared
from labelfree.models.networks.trust import (
    check_files,
    module_directories,
    offline,
    quiet,
    read_json,
    refuse_adapter,
    refuse_code,
)
from labelfree.sources.checkpoints.tensors import tensors

_CLASSIFIERS = ("ForSequenceClassification", "ForImageClassification", "ForImageClassificationWithTeacher")
_INPUTS: dict[str, tuple[ItemKind, ...]] = {"input_ids": ("text",), "pixel_values": ("image",)}
SETTINGS = (
    "config.json", "modules.json", "config_sentence_transformers.json", "sentence_*_config.json", "tokenizer*.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model", "preprocessor_config.json",
    "processor_config.json",
)  # fmt: skip
"""Files beside the weights that fix the numbers too."""
_UNSET = 1 << 20
"""Tokenizers that know no longest input say 1e30."""


def open_directory(path: Path, *, trust_code: bool, device: str) -> Network:
    """The model of a directory with modules.json or config.json.

    The weights are loaded as float32, on a GPU as they are stored. Whatever would run code of the directory is refused
    without trust_code; the hub is never asked.
    """
    check_files(path)
    refuse_adapter(path)
    if not trust_code:
        refuse_code(path)
    parts = module_directories(path)
    held = Held()
    for part in dict.fromkeys(parts) if parts else [path]:
        if not parts or any(part.glob("*.safetensors")) or any(part.glob("*.bin")):
            single = part / "model.safetensors"
            # whole, and without foreign globals; said better here
            held = held.with_(tensors(single if single.exists() else part))
    if not trust_code:
        check_settings(dict.fromkeys([path, *parts]), held)
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"running the model {path}", "hf") from error
    with ExitStack() as stack:
        stack.enter_context(offline())
        stack.enter_context(quiet())
        if not trust_code:
            stack.enter_context(building(path, held))
        try:
            network = _sentences(path, trust_code, device) if parts else _transformer(path, trust_code, device)
        except (LabelfreeError, MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:500]
            raise SourceError(f"{path}: cannot be loaded ({type(error).__name__}: {said})") from error
    network.facts["settings"] = files_fingerprint([path, *(part for part in parts if part != path)], SETTINGS)
    return network


def _sentences(path: Path, trust_code: bool, device: str) -> Network:
    """A sentence-transformers directory: its prompt, pooling, further layers and normalization as they are."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra(f"running the sentence-transformers model {path}", "hf") from error
    settings = path / "config_sentence_transformers.json"
    kind = read_json(settings).get("model_type", "SentenceTransformer") if settings.exists() else "SentenceTransformer"
    if kind != "SentenceTransformer":
        raise UsageError(
            f"{path}: expected one vector a text (SentenceTransformer), found a {kind}, which gives others"
        )
    model = SentenceTransformer(
        str(path), device="cpu", local_files_only=True, trust_remote_code=trust_code,
        model_kwargs={"dtype": _dtype(device)},
    )  # fmt: skip
    modules = [type(module).__name__ for module in model.children()]
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    longest = model.max_seq_length

    def prepare(items: Sequence[Any]) -> Prepared:
        values = model.preprocess(list(items), prompt=prompt)
        mask = values.get("attention_mask")
        tokenizer = getattr(model, "tokenizer", None)
        cut = _truncated(tokenizer, [f"{prompt or ''}{text}" for text in items], mask, longest)
        return Prepared(dict(values), mask, cut)

    pooling = [m.pooling_mode for m in model.children() if hasattr(m, "pooling_mode")]
    return Network(
        str(path), "sentence-transformers", model, _accepted(model), prepare, lambda values: _sentence(model, values),
        {
            "architecture": " > ".join(modules), "prompt": prompt,
            "pooling": str(pooling[0]) if len(pooling) == 1 else None,
            "normalization": "l2" if "Normalize" in modules else None,
        },
        final=True, longest=longest,
    )  # fmt: skip


def _accepted(model: Any) -> tuple[ItemKind, ...]:
    found: tuple[ItemKind, ...] = tuple(kind for kind in ("text", "image") if kind in model.modalities)  # type: ignore[misc]
    return found or ("text",)


def _sentence(model: Any, values: Any) -> Any:
    out = model(values)["sentence_embedding"]
    return out if model.truncate_dim is None else out[..., : model.truncate_dim]


def _transformer(path: Path, trust_code: bool, device: str) -> Network:
    """A directory that transformers runs: a classifier as it is, of everything else the encoder."""
    from transformers import AutoConfig

    if not isinstance(document := read_json(path / "config.json"), dict) or "model_type" not in document:
        timm = isinstance(document, dict) and ("pretrained_cfg" in document or "architecture" in document)
        hint = ", such as a function that returns timm.create_model(...)" if timm else ""
        raise UsageError(
            f"{path / 'config.json'}: expected a model_type of transformers, found none; name what builds the model: "
            f"{option('model', 'package.module:factory')}{hint}"
        )
    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=trust_code)
    model, notes = _loaded(path, config, trust_code, device)
    named = type(model).__name__
    if getattr(model.config, "is_encoder_decoder", False) and not named.endswith(_CLASSIFIERS):
        model = model.get_encoder()
        notes.append(f"the encoder of {named} is run, its decoder is not")
    both = hasattr(model, "get_text_features") and hasattr(model, "get_image_features")
    accepts = ("text", "image") if both else _INPUTS.get(model.main_input_name)
    if accepts is None:
        raise UsageError(f"{path}: expected a model of texts or images, found one that takes {model.main_input_name}")
    causal = any(getattr(module, "is_causal", False) for module in model.modules())
    if accepts == ("image",):
        pool = "cls" if any(name.endswith("cls_token") for name, _ in model.named_parameters()) else "mean"
    else:
        pool = "last" if causal else "mean"
    facts: dict[str, Any] = {"architecture": named, "normalization": None}
    tools = _Tools(path, model, config, trust_code)

    def call(values: Any) -> Any:
        if not both:
            return model(**values)
        out = model.get_image_features(**values) if "pixel_values" in values else model.get_text_features(**values)
        return getattr(out, "pooler_output", out)

    return Network(
        str(path), "transformers", model, accepts, tools.prepare, call, facts, pool=pool, notes=notes,
        longest=tools.longest if "text" in accepts else None,
    )  # fmt: skip


def _loaded(path: Path, config: Any, trust_code: bool, device: str) -> tuple[Any, list[str]]:
    """The model of a directory; tensors that it lacks are refused, what is not used is told."""
    import transformers

    named = str((getattr(config, "architectures", None) or [""])[0])
    maps = getattr(config, "auto_map", None) or {}
    own = getattr(transformers, named, None) if named.endswith(_CLASSIFIERS) else None
    if own is None or not (isinstance(own, type) and issubclass(own, transformers.PreTrainedModel)):
        wanted = ("AutoModelForSequenceClassification", "AutoModelForImageClassification")
        auto = next((n for n in wanted if n in maps and named.endswith(_CLASSIFIERS)), "AutoModel")
        own = getattr(transformers, auto)
    own = cast(Any, own)
    model, said = own.from_pretrained(
        path, config=config, local_files_only=True, trust_remote_code=trust_code, dtype=_dtype(device),
        output_loading_info=True,
    )  # fmt: skip
    missing = sorted(name for name in said["missing_keys"] if not name.startswith("pooler."))  # its output is not used
    if missing or said["mismatched_keys"]:
        wrong = missing or sorted(
            str(key[0]) if isinstance(key, tuple) else str(key) for key in said["mismatched_keys"]
        )
        what = "lacks" if missing else "has in another shape"
        raise SourceError(
            f"{path}: {what} {len(wrong)} of the tensors of {type(model).__name__} ({', '.join(wrong[:8])}), which "
            "would be random numbers; save the whole model, or correct architectures in config.json"
        )
    unused = sorted(said["unexpected_keys"])
    notes = [f"{len(unused)} tensors are of no use to {type(model).__name__}: {_first(unused)}"] if unused else []
    return model, notes


class _Tools:
    """Tokenizer and image processor of a directory, loaded when they are needed."""

    def __init__(self, path: Path, model: Any, config: Any, trust_code: bool) -> None:
        self.path, self.model, self.trust_code = path, model, trust_code
        text = getattr(config, "text_config", None) or config
        known = getattr(text, "max_position_embeddings", None)
        if known is not None and getattr(text, "model_type", "") in ("roberta", "xlm-roberta", "camembert", "mpnet"):
            known -= (text.pad_token_id or 0) + 1  # their first positions are taken
        self.known = known
        self._tokenizer: Any = None
        self._processor: Any = None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer; one without a token for padding pads with the one that ends a text."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            with offline(), quiet():
                try:
                    found = AutoTokenizer.from_pretrained(
                        self.path, local_files_only=True, trust_remote_code=self.trust_code
                    )
                except (OSError, ValueError, TypeError, KeyError) as error:
                    said = " ".join(str(error).split())[:300]
                    raise SourceError(f"{self.path}: expected a tokenizer beside the weights ({said})") from error
            if found.pad_token is None:
                if found.eos_token is None:
                    raise SourceError(f"{self.path}: its tokenizer has no token for padding; set pad_token and save it")
                found.pad_token = found.eos_token
            if getattr(self.model.config, "pad_token_id", None) is None:
                self.model.config.pad_token_id = found.pad_token_id
            self._tokenizer = found
        return self._tokenizer

    @property
    def longest(self) -> int | None:
        """Tokens of the longest input: the least of what tokenizer and model say."""
        said = [n for n in (self.tokenizer.model_max_length, self.known) if n is not None and 0 < n < _UNSET]
        return int(min(said)) if said else None

    def prepare(self, items: Sequence[Any]) -> Prepared:
        """Texts to padded tokens, images to pixels."""
        if not isinstance(items[0], str):
            return self._pixels(items)
        most = self.longest
        values = self.tokenizer(
            list(items), padding=True, truncation=most is not None, max_length=most, return_tensors="pt"
        )
        mask = values["attention_mask"]
        return Prepared(dict(values), mask, _truncated(self.tokenizer, list(items), mask, most))

    def _pixels(self, items: Sequence[Any]) -> Prepared:
        if self._processor is None:
            from transformers import AutoImageProcessor

            with offline(), quiet():
                try:
                    self._processor = AutoImageProcessor.from_pretrained(
                        self.path, local_files_only=True, trust_remote_code=self.trust_code, backend="pil"
                    )
                except (OSError, ValueError, TypeError, KeyError) as error:
                    said = " ".join(str(error).split())[:300]
                    raise SourceError(f"{self.path}: expected preprocessor_config.json beside it ({said})") from error
        return Prepared({"pixel_values": self._processor(images=list(items), return_tensors="pt")["pixel_values"]})


def _truncated(tokenizer: Any, texts: list[str], mask: Any, longest: int | None) -> int:
    """How many texts were cut; only where some are as long as they may be is it counted by tokens."""
    if mask is None or longest is None or tokenizer is None or int(mask.sum(1).max()) < longest:
        return 0
    whole = tokenizer(texts, truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(tokens) > longest for tokens in whole)


def _dtype(device: str) -> Any:
    """float32 where there is no mixed precision; a GPU takes the weights as they are stored."""
    import torch

    return torch.float32 if device == "cpu" else "auto"


def _first(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
