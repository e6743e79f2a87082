"""What went wrong between here and a store: whether to try again, and what to say."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable
from os import PathLike
from pathlib import PurePosixPath
from typing import TypeVar

from labelfree.documents.stores.names import Name, is_remote, parsed_name, scrubbed
from labelfree.errors import LabelfreeError, SourceError, in_short

T = TypeVar("T")
LOG = logging.getLogger("labelfree.stores")
"""Told of every second attempt."""
ATTEMPTS = 5
"""How often a request is made before it counts as failed."""
UNREACHED = 2
"""The same where nobody answers, which the libraries below try for some seconds by themselves."""
FIRST_WAIT = 0.25
"""Seconds before the second attempt; each further one waits twice as long, with up to half as much by chance."""
_NOTHING = "no such file"
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_PLACES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the role of the machine; "
    "aws sts get-caller-identity says whose they are",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login",
    "abfss": "az login, or AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
    "hf": "HF_TOKEN, or hf auth login",
}
_COPIES = {
    "s3": ("aws s3 cp {name} .", "aws s3 cp --recursive {name} ."),
    "gs": ("gcloud storage cp {name} .", "gcloud storage cp -r {name} ."),
    "abfss": ("azcopy copy {name} .", "azcopy copy --recursive {name} ."),
    "https": ("curl -LO {name}", "curl -LO {name}"),
    "http": ("curl -LO {name}", "curl -LO {name}"),
}
"""The commands that copy a file, and a directory."""


class NoSuchFile(SourceError):
    """A name in a store that holds nothing."""


class CutBody(Exception):
    """Fewer bytes than were asked for."""


def copying(name: Name, *, directory: bool = False) -> str:
    """The command that brings a remote file or directory here."""
    import shlex

    if name.scheme == "hf":
        data_set = name.authority == "datasets"
        parts = name.path.split("/") if data_set else [name.authority, *name.path.split("/")]
        repo, inside = "/".join(parts[:2]).partition("@")[0], "/".join(parts[2:])
        what = f"{repo} {inside}".rstrip()
        if data_set:
            return f"hf download --repo-type dataset {what} --local-dir ."
        return f"hf download {what} --local-dir ."
    lines = _COPIES.get(name.scheme, ("copy {name}", "copy {name}"))
    return lines[directory].format(name=shlex.quote(name.shown))


def check_here(name: object, what: str) -> None:
    """Refuse a remote name where a file is needed that lies on this machine; what: it is, for the message."""
    if isinstance(name, str | PathLike) and is_remote(name):
        place = str(name).rpartition("::")[0] if "::" in str(name) else name
        found = parsed_name(place)
        raise SourceError(
            f"{found.shown}: expected {what} on this machine, found a remote one; copy it first: "
            f"{copying(found, directory=not PurePosixPath(found.path).suffix)}"
        )


def attempted(call: Callable[[], T], name: Name) -> T:
    """What a request gives: tried again where the store is busy or a body was cut, else a SourceError that says why."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except LabelfreeError:
            raise
        except Exception as error:
            again, said = _judged(error, name)
            if again < 2:
                kind = NoSuchFile if said.startswith(_NOTHING) else SourceError
                raise kind(f"{name.shown}: {said}") from None  # what caused it may quote credentials
            if attempt >= again:
                raise SourceError(f"{name.shown}: {said}, {attempt} times; try again later") from None
            LOG.info("%s: %s; attempt %d of %d follows", name.shown, said, attempt + 1, again)
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1) * (1 + random.random() / 2))
    raise AssertionError


def _judged(error: Exception, name: Name) -> tuple[int, str]:
    """How often to try, and what went wrong."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(chain) < 8 and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    text = " ".join(in_short(e) for e in chain)
    status = next((found for e in chain if (found := _status(e))), 0)
    kinds = {type(e).__name__ for e in chain}
    places = _PLACES.get(name.scheme, "~/.netrc, or a signed address")
    if re.search(r"expired|ExpiredToken|EXPIRED_TOKEN|TokenRefreshRequired|InvalidToken", text, re.IGNORECASE):
        return 1, f"the credentials have expired or are not valid; renew them ({places})"
    if status in (401, 403) or re.search(r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH", text):
        return 1, f"access is denied ({status or 403}); check the credentials and their rights ({places})"
    if status == 412:
        return 1, "changed while it was read; measure it again when it is at rest"
    if kinds & {"gaierror", "ClientConnectorDNSError"} or re.search(
        r"resolve host|Name or service not known|curlCode: 6\b|Temporary failure in name", text
    ):
        return 1, f"the host {_host(name)} cannot be found; check the name, the network and proxies"
    if (
        any(isinstance(e, ConnectionError) or "Connect" in type(e).__name__ for e in chain)
        or "NETWORK_CONNECTION" in text
    ):
        return UNREACHED, f"no connection to {_host(name)}"
    if status in (404, 410) or isinstance(error, FileNotFoundError) or "NO_SUCH_BUCKET" in text:
        return 1, _NOTHING + (" or bucket" if name.scheme in ("s3", "gs", "abfss") else "")
    if status in _AGAIN or re.search(r"SLOW_DOWN|THROTTL|SERVICE_UNAVAILABLE|INTERNAL_FAILURE", text):
        return ATTEMPTS, f"the store is busy or broken ({status or 503})"
    if isinstance(error, CutBody) or kinds & {"ClientPayloadError", "RemoteProtocolError", "IncompleteRead"}:
        return ATTEMPTS, "the answer was cut"
    if any("imeout" in kind for kind in kinds) or re.search(r"timed? ?out|curlCode: 28\b", text, re.IGNORECASE):
        return ATTEMPTS, "no answer in time"
    return 1, f"cannot be read ({scrubbed(in_short(error))})"


def _status(error: BaseException) -> int:
    """The HTTP status that an error of one of the libraries carries, 0 where none does."""
    found = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(found, int):
        return found
    match = re.search(
        r"HTTP status (\d{3})|HTTP response code (\d{3})|\b(\d{3}) (?:Client|Server) Error|Azure Error: \[\w*\] (\d+)",
        str(error),
    )
    return int(next(part for part in match.groups() if part)) if match else 0


def _host(name: Name) -> str:
    return name.authority.rpartition("@")[2] or name.scheme
