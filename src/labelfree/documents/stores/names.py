"""Names with a scheme: which are remote, how they are shown, and what is never shown of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+")
ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "az": "abfss", "abfs": "abfss"}
"""Other spellings of schemes."""
WEB = ("http", "https")


@dataclass(frozen=True)
class Name:
    """A remote name in its parts.

    authority: bucket, host or kind of repository, with credentials where it has some; path: without its first slash;
    query: with its question mark. Only `shown` may leave the process.
    """

    scheme: str
    authority: str
    path: str
    query: str = ""

    @property
    def shown(self) -> str:
        """The name without user, password and query."""
        where = self.authority
        if "@" in where:
            user, _, where = where.rpartition("@")
            container = user.partition(":")[0]
            if self.scheme == "abfss" and container:  # there it is no user
                where = f"{container}@{where}"
        return f"{self.scheme}://{where}/{self.path}".rstrip("/")

    @property
    def whole(self) -> str:
        """The name with all that was given, for the library that opens it."""
        return f"{self.scheme}://{self.authority}/{self.path}{self.query}"

    def at(self, path: str) -> Name:
        """Another name in the same place."""
        return Name(self.scheme, self.authority, path, self.query)


def is_remote(name: str | PathLike[str]) -> bool:
    """Whether a name has a scheme, as s3://bucket/key has."""
    match = _SCHEME.match(str(name))
    return bool(match) and match[1].lower() != "file" if match else False


def parsed_name(name: str | PathLike[str]) -> Name:
    """A remote name in its parts; of a path, which keeps one slash after the scheme, too.

    >>> parsed_name("https://me:secret@host/a.parquet?token=1").shown
    'https://host/a.parquet'
    >>> parsed_name("s3:/bucket/key.json").whole
    's3://bucket/key.json'
    """
    text = str(name)
    match = _SCHEME.match(text)
    if match is None:
        raise ValueError("a name without a scheme")
    scheme = match[1].lower()
    rest, query = text[match.end() :], ""
    if scheme in WEB:
        rest, mark, query = rest.partition("?")
        query = (mark + query).partition("#")[0]
        rest = rest.partition("#")[0]
    elif scheme != "hf" and re.search(r"\?[A-Za-z_]+=", rest):  # options of the store; else a pattern
        rest, mark, query = rest.partition("?")
        query = mark + query
    authority, _, path = rest.partition("/")
    if scheme != "hf" and "@" in path and re.search(r":(?!\d+$)", authority):  # a password that holds a slash
        secret, _, place = rest.rpartition("@")
        host, _, path = place.partition("/")
        authority = f"{secret}@{host}"
    return Name(ALIASES.get(scheme, scheme), authority, path, query)


def shown(name: str | PathLike[str]) -> str:
    """A name as it may be shown: of a remote one without user, password and query.

    >>> shown("https://u:p@host/x.npy?sig=1"), shown("a.npy")
    ('https://host/x.npy', 'a.npy')
    """
    if not is_remote(name):
        return str(name)
    text = str(name)
    base, separator, member = text.rpartition("::")
    return parsed_name(base).shown + "::" + member if separator else parsed_name(text).shown


def scrubbed(text: str) -> str:
    """A text in which no remote name has a user, a password or a query.

    >>> scrubbed("cannot open https://u:p@host/x?sig=1: refused")
    'cannot open https://host/x: refused'
    """

    def plain(match: re.Match[str]) -> str:
        found = match[0]
        end = found[len(found.rstrip(":.,;)")) :]
        return shown(found[: len(found) - len(end)]) + end

    return _IN_TEXT.sub(plain, text)
