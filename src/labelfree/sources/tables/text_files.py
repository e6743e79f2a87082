"""Files of text by their first bytes: what they are not, whatever they are called."""

from __future__ import annotations

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError
from labelfree.sources.lines import BROKEN, byte_stream, decoded

_MARKS = {
    b"PAR1": "Parquet", b"ARROW1": "Arrow IPC", b"\x1f\x8b": "gzip", b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\x89HDF": "HDF5", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x93NUMPY": "a .npy file",
    b"SQLite": "SQLite", b"\x80\x04": "a pickle", b"\x80\x05": "a pickle",
}  # fmt: skip
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def check_text(file: File, longest: int) -> str:
    """The first line of a text file, which may have this many bytes; refused where it is none."""
    try:
        with byte_stream(file) as stream:
            line = stream.readline(longest + 1)
            while line and not line.strip() and len(line) <= longest:
                line = stream.readline(longest + 1)
    except BROKEN as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"{file}: cannot be read ({said}); it may be truncated: write or copy it again") from error
    if not line:
        raise SourceError(f"{file}: expected rows of text, found an empty file")
    if found := next((kind for mark, kind in _MARKS.items() if line.startswith(mark)), None):
        raise SourceError(f"{file}: expected text, found {found}; give the file the suffix of what it holds")
    if line.startswith(_WIDE) or b"\0" in line:
        raise SourceError(
            f"{file}: expected text in UTF-8, found UTF-16 or no text; convert it first: iconv -f UTF-16 -t UTF-8"
        )
    if len(line) > longest:
        raise SourceError(f"{file}: its first line is longer than {longest >> 20} MiB; expected one row on each line")
    return decoded(line.removeprefix(b"\xef\xbb\xbf"), 1, file)
