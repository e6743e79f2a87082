"""What the names in a checkpoint say: which matrix is the last layer of a classifier, and which is not.

The conventions are those of timm, torchvision, transformers, PEFT, Lightning and the domain adaptation libraries.
Only the end of a name counts, so that any wrapper may stand before it: `net.head.fc.weight`.
"""

from __future__ import annotations

import re

_LAST = r"(fc|head|heads|classifier|classif|last_linear|score|logits|logits_proj|\w+_head|\w+_classifier)"
_INSIDE = r"(fc\d?|head|classifier|linear|layers|proj|l|out_proj|out)"  # head.fc.fc2, head.linear, classifier.out_proj
_CONVENTION = re.compile(rf"(^|\.)_?{_LAST}(\.{_INSIDE})*(\.\d+)*$")
_BARE = {"", "weight", "W", "w", "coef_", "arr_0", "tensor"}
_PAIRS = {("dense", "out_proj"), ("fc1", "fc2"), ("linear1", "linear2"), ("lin1", "lin2"), ("in_proj", "out_proj")}
_PARALLEL = {"heads", "classifiers", "fcs"}

_OTHER_TOKENS = {
    "emb", "embed", "embeds", "embedding", "embeddings", "embedder", "wte", "wpe", "position", "positional",
    "adv", "adversarial", "adversary", "aux", "auxiliary", "dist", "distill", "distilled", "distillation",
    "domain", "domains", "discrim", "discriminator", "disc", "discri", "projector", "projection", "pooler",
    "attn", "attention", "qkv", "lora",
}  # fmt: skip
_OTHER_PARTS = {
    "lm_head", "pre_classifier", "pre_logits", "proj_head", "project", "original_module", "base_layer",
    "parametrizations", "weight_orig", "weight_mask", "weight_v", "weight_g",
}  # fmt: skip
_OTHER_ENDS = {"conv", "convolution", "downsample", "shortcut", "shared", "bias"}
_REPEATED = re.compile(r"(^|\.)_?(blocks?|layers?|stages?|levels?|h|features|resblocks)\d*\.\d+\.")


def stem(name: str) -> str:
    """The name of the layer: without `.weight`, and without the wrapper that PEFT puts around a saved module."""
    name = re.sub(r"\.modules_to_save(\.default)?(?=\.|$)", "", name)
    return name.removesuffix(".weight")


def left_out(name: str) -> str | None:
    """Why a matrix of this name is never taken for the head unless it is asked for; None where it may be."""
    layer = stem(name)
    if _REPEATED.search(layer):
        return "inside the network"
    parts = [part for part in layer.split(".") if not part.isdecimal()]
    for part in parts:
        if part in _OTHER_PARTS or re.fullmatch(r"[qkvo]_proj", part):
            return f"{part!r} in its name"
        for token in _tokens(part):
            if token in _OTHER_TOKENS or (part is parts[-1] and token in _OTHER_ENDS):
                return f"{token!r} in its name"
    return None


def conventional(name: str) -> bool:
    """Whether heads are called so."""
    layer = stem(name)
    return layer in _BARE or (_CONVENTION.search(layer) is not None and layer.rpartition(".")[2] != "fc1")


def follows(later: str, earlier: str) -> bool:
    """Whether the names say that one layer comes after another of the same Sequential or block."""
    parent, _, last = stem(earlier).rpartition(".")
    other, _, end = stem(later).rpartition(".")
    if parent != other or parent.rpartition(".")[2] in _PARALLEL:
        return False
    numbered = last.isdecimal() and end.isdecimal() and int(end) > int(last)
    return numbered or (last, end) in _PAIRS


def bias_name(name: str) -> str:
    """What the bias beside a weight of this name is called."""
    bare = {"W": "b", "w": "b", "coef_": "intercept_", "arr_0": "arr_1"}
    return bare.get(name) or (name.removesuffix("weight") + "bias" if name.endswith("weight") else f"{name}.bias")


def _tokens(part: str) -> list[str]:
    """Words of a name, lower case: AuxLogits and aux1_logits are aux, logits."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part)]
