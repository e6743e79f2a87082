"""Small networks whose layers are called as in the libraries that people take checkpoints from."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any

from torch import nn

D, K = 12, 5


def tree(**children: nn.Module) -> nn.Module:
    """A module with these children, in this order."""
    return nn.Sequential(OrderedDict(children))


def conv(inside: int, outside: int, size: int = 1) -> nn.Conv2d:
    """A convolution."""
    return nn.Conv2d(inside, outside, size)


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between: numbered 0, 2, 4, ..."""
    layers = [[nn.Linear(a, b), nn.ReLU()] for a, b in pairwise(widths)]
    return nn.Sequential(*[layer for pair in layers for layer in pair][:-1])


def vit_block(d: int = D) -> nn.Module:
    """A block of a transformer as timm names it."""
    return tree(
        norm1=nn.LayerNorm(d),
        attn=tree(qkv=nn.Linear(d, 3 * d), proj=nn.Linear(d, d)),
        mlp=tree(fc1=nn.Linear(d, 4 * d), fc2=nn.Linear(4 * d, d)),
    )


def vit(**heads: nn.Module) -> nn.Module:
    """A vision transformer of timm with these heads."""
    return tree(patch_embed=tree(proj=conv(3, D, 4)), blocks=nn.Sequential(vit_block(), vit_block()), **heads)


def resnet(**heads: nn.Module) -> nn.Module:
    """A ResNet of torchvision with bottleneck blocks and these heads."""
    block = tree(conv1=conv(4, 4), conv2=conv(4, 4, 3), conv3=conv(4, D), downsample=nn.Sequential(conv(4, D)))
    again = tree(conv1=conv(D, 4), conv2=conv(4, 4, 3), conv3=conv(4, D))
    return tree(conv1=conv(3, 4, 7), layer1=nn.Sequential(block, again), **heads)


def features(**heads: nn.Module) -> nn.Module:
    """A network of torchvision whose trunk is called features, with these heads."""
    return tree(features=nn.Sequential(nn.Sequential(conv(3, 4, 3)), nn.Sequential(conv(4, D))), **heads)


def parallel(d: int, k: int) -> nn.ModuleList:
    """Two heads side by side."""
    return nn.ModuleList([nn.Linear(d, k), nn.Linear(d, k)])


LIBRARIES: dict[str, tuple[Any, str]] = {
    "torchvision resnet": (lambda: resnet(fc=nn.Linear(D, K)), "fc"),
    "torchvision googlenet": (
        lambda: resnet(aux1=tree(fc1=nn.Linear(D, D), fc2=nn.Linear(D, K)), fc=nn.Linear(D, K)),
        "fc",
    ),
    "torchvision inception": (lambda: resnet(AuxLogits=tree(fc=nn.Linear(D, K)), fc=nn.Linear(D, K)), "fc"),
    "torchvision densenet": (lambda: features(classifier=nn.Linear(D, K)), "classifier"),
    "torchvision vgg": (lambda: features(classifier=mlp(20, D, D, K)), "classifier.4"),
    "torchvision efficientnet": (
        lambda: features(classifier=nn.Sequential(nn.Dropout(), nn.Linear(D, K))),
        "classifier.1",
    ),
    "torchvision squeezenet": (lambda: features(classifier=nn.Sequential(nn.Dropout(), conv(D, K))), "classifier.1"),
    "torchvision swin": (lambda: features(head=nn.Linear(D, K)), "head"),
    "torchvision vit": (lambda: tree(conv_proj=conv(3, D, 4), heads=tree(head=nn.Linear(D, K))), "heads.head"),
    "torchvision vit with a representation": (
        lambda: tree(heads=tree(pre_logits=nn.Linear(D, D), act=nn.Tanh(), head=nn.Linear(D, K))),
        "heads.head",
    ),
    "torchvision segmentation": (
        lambda: tree(
            backbone=resnet(), classifier=nn.Sequential(conv(9, D, 3), conv(D, K)), aux_classifier=mlp(3, D, K)
        ),
        "classifier.1",
    ),
    "timm vit": (lambda: vit(head=nn.Linear(D, K)), "head"),
    "timm deit distilled": (lambda: vit(head=nn.Linear(D, K), head_dist=nn.Linear(D, K)), "head"),
    "timm with an auxiliary head": (lambda: vit(head=nn.Linear(D, K), aux_head=nn.Linear(D, K)), "head"),
    "timm convnext": (lambda: tree(stages=nn.Sequential(vit_block()), head=tree(fc=nn.Linear(D, K))), "head.fc"),
    "timm metaformer": (
        lambda: tree(head=tree(fc=tree(fc1=nn.Linear(D, D), fc2=nn.Linear(D, K)))),
        "head.fc.fc2",
    ),
    "timm with logits of its own": (
        lambda: tree(head=tree(pre_logits=tree(fc=nn.Linear(D, D)), fc=nn.Linear(D, K))),
        "head.fc",
    ),
    "timm levit distilled": (
        lambda: tree(head=tree(linear=nn.Linear(D, K)), head_dist=tree(linear=nn.Linear(D, K))),
        "head.linear",
    ),
    "timm regnet": (lambda: resnet(head=tree(fc=nn.Linear(D, K))), "head.fc"),
    "timm efficientnet": (lambda: tree(conv_head=conv(4, D), classifier=nn.Linear(D, K)), "classifier"),
    "timm nasnet": (lambda: resnet(last_linear=nn.Linear(D, K)), "last_linear"),
    "timm proj": (lambda: vit(head=tree(proj=nn.Linear(D, K))), "head.proj"),
    "efficientnet-pytorch": (lambda: tree(_conv_head=conv(4, D), _fc=nn.Linear(D, K)), "_fc"),
    "lucidrains vit": (lambda: tree(mlp_head=nn.Sequential(nn.LayerNorm(D), nn.Linear(D, K))), "mlp_head.1"),
    "tllib classifier": (
        lambda: tree(backbone=resnet(), bottleneck=mlp(20, D), head=nn.Linear(D, K)),
        "head",
    ),
    "tllib mdd": (
        lambda: tree(bottleneck=mlp(20, 9), head=mlp(9, D, K), adv_head=mlp(9, D, K)),
        "head.2",
    ),
    "dann": (
        lambda: tree(feature_extractor=mlp(20, D), class_classifier=mlp(D, D, K), domain_classifier=mlp(D, D, K)),
        "class_classifier.2",
    ),
    "cdan": (lambda: tree(fc=nn.Linear(D, K), domain_discri=tree(discriminator=mlp(D, D, K))), "fc"),
    "plain sequential": (lambda: mlp(20, D, D, K), "4"),
    "trunk and head in one sequential": (lambda: nn.Sequential(resnet(), nn.Linear(D, K)), "1"),
    "lightning": (lambda: tree(net=tree(trunk=mlp(20, D), fc=nn.Linear(D, K)), criterion=nn.Linear(3, 3)), "net.fc"),
}

LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20}
SMALL = {**LAYERS, "hidden_size": D, "num_labels": K, "vocab_size": 50}
IMAGE = {**LAYERS, "hidden_size": D, "num_labels": K, "image_size": 8, "patch_size": 4}
BART = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 20))
}
TRANSFORMERS = [
    ("BertForSequenceClassification", SMALL, "classifier"),
    ("RobertaForSequenceClassification", SMALL, "classifier.out_proj"),
    ("ElectraForSequenceClassification", SMALL, "classifier.out_proj"),
    (
        "DistilBertForSequenceClassification",
        {"dim": D, "n_layers": 2, "n_heads": 2, "hidden_dim": 20, "vocab_size": 50, "num_labels": K},
        "classifier",
    ),
    (
        "BartForSequenceClassification",
        {**BART, "d_model": D, "vocab_size": 50, "num_labels": K},
        "classification_head.out_proj",
    ),
    ("LlamaForSequenceClassification", {**SMALL, "num_key_value_heads": 2}, "score"),
    (
        "XLNetForSequenceClassification",
        {"d_model": D, "n_layer": 1, "n_head": 2, "d_inner": 20, "vocab_size": 50, "num_labels": K},
        "logits_proj",
    ),
    ("ViTForImageClassification", IMAGE, "classifier"),
    (
        "ResNetForImageClassification",
        {"hidden_sizes": [8, D], "depths": [1, 1], "embedding_size": 4, "num_labels": K},
        "classifier.1",
    ),
    ("DeiTForImageClassificationWithTeacher", IMAGE, "cls_classifier"),
]
"""Models of transformers, the settings that make them small, and the layer that is their head."""
