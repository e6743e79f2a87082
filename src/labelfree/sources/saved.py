"""Directories that `save_to_disk` of Hugging Face datasets wrote: which of their files are the rows, in which order."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

from labelfree.documents.files import read_text
from labelfree.documents.reading import parsed
from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.errors import SourceError, in_short, quoted

_MOST = 1 << 26


def saved_files(path: Path) -> list[Path] | None:
    """The files of a data set that was saved here, in their order; None where none was.

    Files of a cache that lie beside them are not among them. Several splits are several data sets, and refused.
    """
    there = {file.name for file in path.iterdir() if file.is_file()}
    for document in ("dataset_dict.json", "state.json"):
        if document in there and (names := saved_names(path / document, there)) is not None:
            return [path / name for name in names]
    return None


def saved_names(document: File, there: Set[str]) -> list[str] | None:
    """The files of rows that a document of a saved data set lists, in its order; None where it is none of one.

    there: the files beside it.
    """
    path = str(document).rpartition("/")[0]
    said = _document(document)
    if document.name == "dataset_dict.json":
        splits = said.get("splits") if isinstance(said, dict) else None
        if not isinstance(splits, list) or not all(isinstance(split, str) for split in splits):
            return None
        ways = " or ".join(f"{path}/{split}" for split in splits[:4])
        raise SourceError(
            f"{path}: expected one data set, found the splits {', '.join(map(quoted, splits[:12]))} of a "
            f"DatasetDict; name one: {ways or 'there is none'}"
        )
    listed = said.get("_data_files") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        return None
    names = [one.get("filename") if isinstance(one, dict) else None for one in listed]
    for name in names:
        if not isinstance(name, str) or "/" in name or "\\" in name or name not in there:
            raise SourceError(
                f"{path}: its state.json lists {quoted(name)}, expected a file of that directory; copy the data set "
                "again, all of its files"
            )
    if not names:
        raise SourceError(f"{path}: expected rows, found a saved data set without files")
    return [str(name) for name in names]


def _document(file: File) -> Any:
    try:
        if isinstance(file, RemoteFile):
            return parsed(file.read_at(0, min(file.stat().st_size, _MOST)).decode())
        return parsed(read_text(file, _MOST))
    except (OSError, ValueError) as error:
        raise SourceError(f"{file}: expected JSON that datasets wrote ({in_short(error)}); save it again") from error
