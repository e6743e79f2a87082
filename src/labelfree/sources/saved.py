"""Directories that `save_to_disk` of Hugging Face datasets wrote: which of their files are the rows, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelfree.documents.files import read_text
from labelfree.documents.reading import parsed
from labelfree.errors import SourceError, in_short, quoted

_MOST = 1 << 26


def saved_files(path: Path) -> list[Path] | None:
    """The files of a data set that was saved here, in their order; None where none was.

    Files of a cache that lie beside them are not among them. Several splits are several data sets, and refused.
    """
    if (path / "dataset_dict.json").is_file():
        said = _document(path / "dataset_dict.json")
        splits = said.get("splits") if isinstance(said, dict) else None
        if isinstance(splits, list) and all(isinstance(split, str) for split in splits):
            ways = " or ".join(f"{str(path).rstrip('/')}/{split}" for split in splits[:4])
            raise SourceError(
                f"{path}: expected one data set, found the splits {', '.join(map(quoted, splits[:12]))} of a "
                f"DatasetDict; name one: {ways or 'there is none'}"
            )
    if not (path / "state.json").is_file():
        return None
    said = _document(path / "state.json")
    listed = said.get("_data_files") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        return None
    names = [one.get("filename") if isinstance(one, dict) else None for one in listed]
    for name in names:
        if not isinstance(name, str) or "/" in name or "\\" in name or not (path / name).is_file():
            raise SourceError(
                f"{path}: its state.json lists {quoted(name)}, expected a file of that directory; copy the data set "
                "again, all of its files"
            )
    if not names:
        raise SourceError(f"{path}: expected rows, found a saved data set without files")
    return [path / str(name) for name in names]


def _document(file: Path) -> Any:
    try:
        return parsed(read_text(file, _MOST))
    except (OSError, ValueError) as error:
        raise SourceError(f"{file}: expected JSON that datasets wrote ({in_short(error)}); save it again") from error
