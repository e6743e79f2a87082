"""Images: read from files or bytes, upright, in RGB; what cannot be decoded is a bad row."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelfree.errors import MissingExtra, SourceError, UsageError
from labelfree.models.items.batches import Bad, Chunk, Data, Wish
from labelfree.models.items.content_hash import content_hash

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""How the names of image files end."""
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # no format that a program outside of Pillow would decode
_CHUNK = 16


def image_data(
    name: str, root: Path, files: Sequence[Path], wish: Wish, on_bad: Literal["error", "drop"], others: Sequence[Path]
) -> Data:
    """The images in these files, in this order; the id of each is its path below `root`."""
    if wish.named:
        raise UsageError(
            f"{name}: image files have no columns, but {wish.named[0]!r} was asked for; leave the option out"
        )
    require_pillow()
    ids = [file.relative_to(root).as_posix() for file in files]
    if odd := next((id for id in ids if not _is_unicode(id)), None):
        raise SourceError(f"{name}: expected file names in UTF-8, found {odd!a}; rename the file")
    notes: tuple[str, ...] = ()
    if others:
        notes = (f"{name}: {len(others)} other files were not read, such as {others[0].relative_to(root)}",)

    def chunks(start: int) -> Iterator[Chunk]:
        import pyarrow as pa

        for row in range(start, len(files), _CHUNK):
            table = pa.table({"id": pa.array(ids[row : row + _CHUNK], pa.string())})
            yield image_chunk(row, list(files[row : row + _CHUNK]), table)

    return Data(
        name=name,
        files=tuple(map(str, files)),
        kind="image",
        column="",
        total=len(files),
        ids=True,
        kept=(),
        fingerprint=content_hash(files, ("image", *ids)),
        chunks=chunks,
        on_bad=on_bad,
        notes=notes,
    )


def image_chunk(row: int, stored: Sequence[bytes | Path | None], beside: Any) -> Chunk:
    """The images that are stored so, the first of which is row `row`; beside: Arrow table of as many rows, or None."""
    require_pillow()
    from PIL import Image

    with warnings.catch_warnings():  # for all threads
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found = list(_threads().map(decoded, stored))
    good = np.array([i for i, image in enumerate(found) if not isinstance(image, str)], np.int64)
    bad: dict[str, list[int]] = {}
    for i, image in enumerate(found):
        if isinstance(image, str):
            bad.setdefault("have no image" if stored[i] is None else "cannot be decoded", []).append(i)
    if bad and beside is not None:
        beside = beside.take(good)

    def detail(i: int) -> str:
        place = stored[i]
        where = f"{place}: " if isinstance(place, Path) else ""
        return f" ({where}{found[i]})" if found[i] else ""

    return Chunk(
        row, len(found), [found[i] for i in good], row + good, beside,
        tuple(Bad(what, len(rows), row + rows[0], detail(rows[0])) for what, rows in bad.items()),
    )  # fmt: skip


def decoded(stored: bytes | Path | None) -> Any:
    """The first frame of an image, turned as its EXIF says, in RGB (transparency is left out); or what is wrong."""
    from PIL import Image, ImageOps

    if stored is None:
        return ""
    try:
        with Image.open(BytesIO(stored) if isinstance(stored, bytes) else stored, formats=_FORMATS) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                upright = upright.point(lambda value: value / 256).convert("L")
            if upright.mode in ("I", "F"):
                return f"pixels of mode {upright.mode} have no range that is known; save it with 8 or 16 bits a channel"
            return upright.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return (
            f"more than the {Image.MAX_IMAGE_PIXELS} pixels that Pillow allows: a decompression bomb? make it smaller"
        )
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        known = ", ".join(form.lower() for form in _FORMATS)
        said = " ".join(str(error).split())[:120]
        return f"expected an image as {known}" if "cannot identify" in said else f"{type(error).__name__}: {said}"


def require_pillow() -> None:
    """Raises MissingExtra where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise MissingExtra("reading images", "torch") from None


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, _CHUNK), "labelfree-images")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
