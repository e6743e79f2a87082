"""Items to a batch of tensors, for networks that bring no tokenizer or image processor of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labelfree.errors import SourceError, UsageError, option
from labelfree.models.networks.network import Prepared

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
SIZE = 224
CROP = 0.875
"""Side of the crop over the shorter side of the resized image."""


def preparation(transform: Callable[[Any], Any] | None, size: int | None) -> Callable[[Sequence[Any]], Prepared]:
    """How items become one tensor: by the transform, else arrays as they are and images as models of ImageNet do."""
    if transform is not None and size is not None:
        raise UsageError(
            f"{option('image_size')}: has no effect beside the transform that {option('model')} returns; leave it out"
        )

    def prepare(items: Sequence[Any]) -> Prepared:
        import numpy as np
        import torch

        if transform is not None:
            return Prepared(_stacked([transform(item) for item in items]))
        if isinstance(items, np.ndarray):
            return Prepared(torch.from_numpy(np.ascontiguousarray(items)))
        if isinstance(items[0], str):
            raise UsageError(
                f"{option('model')}: texts need a tokenizer: let the factory return (module, transform), "
                "where transform gives "
                "the tensor of a text, or name a directory of transformers or sentence-transformers"
            )
        return Prepared(torch.from_numpy(np.stack([imagenet(image, size or SIZE) for image in items])))

    return prepare


def described(transform: Callable[[Any], Any] | None, size: int | None) -> dict[str, Any]:
    """What fixes the numbers of the preparation of images."""
    if transform is not None:
        return {"transform": " ".join(repr(transform).split()) if " at 0x" not in repr(transform) else "given"}
    return {"transform": "ImageNet", "image_size": size or SIZE}


def imagenet(image: Any, size: int) -> Any:
    """(3, size, size) float32 of an RGB image as torchvision's reference models take it.

    The shorter side is resized (bilinear, antialiased) to size / 0.875, the middle is cut out, values are scaled to
    [0, 1] and normalized by the mean and deviation of ImageNet.
    """
    import numpy as np
    from PIL import Image

    short = round(size / CROP)
    scale = short / min(image.size)
    width, height = (short if side == min(image.size) else int(side * scale) for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    pixels = np.asarray(resized.crop((left, top, left + size, top + size)), np.float32) / 255
    normed = (pixels - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)
    return np.ascontiguousarray(normed.transpose(2, 0, 1))


def _stacked(parts: list[Any]) -> Any:
    import torch

    tensors = [part if isinstance(part, torch.Tensor) else torch.as_tensor(part) for part in parts]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        found = " and ".join(sorted(map(str, shapes))[:2])
        raise SourceError(
            f"{option('model')}: expected one shape from the transform, found {found}; let it crop or pad"
        )
    return torch.stack(tensors)
