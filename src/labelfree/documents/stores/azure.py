"""Azure by the account key or signature that its own tools take from the environment, which Arrow does not look for."""

from __future__ import annotations

import base64
import os
from typing import Any
from urllib.parse import urlsplit

from labelfree.documents.stores.names import Name
from labelfree.errors import SourceError

_STRING, _ACCOUNT, _KEY, _SIGNATURE = (
    f"AZURE_STORAGE_{name}" for name in ("CONNECTION_STRING", "ACCOUNT", "KEY", "SAS_TOKEN")
)


def by_key(place: Name) -> tuple[Any, str] | None:
    """The file system of a name and its container; None where the environment has no key for its account.

    Of AZURE_STORAGE_CONNECTION_STRING, or of AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN.
    """
    said = _said()
    container, _, host = place.authority.rpartition("@")
    account = host.partition(".")[0]
    if not container or said.get("AccountName") != account:
        return None
    from pyarrow import fs

    options: dict[str, Any] = {"account_name": account}
    if key := said.get("AccountKey"):
        options["account_key"] = _checked(key, place)
    elif signature := said.get("SharedAccessSignature"):
        options["sas_token"] = "?" + signature.lstrip("?")
    else:
        return None
    if endpoint := said.get("BlobEndpoint"):
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SourceError(
                f"{place.shown}: expected the address of a server as BlobEndpoint in {_STRING}, found none; mend it"
            )
        options |= {f"{kind}_storage_authority": parts.netloc for kind in ("blob", "dfs")}
        options |= {f"{kind}_storage_scheme": parts.scheme for kind in ("blob", "dfs")}
    return fs.AzureFileSystem(**options), container


def _checked(key: str, place: Name) -> str:
    """A key as it is stored, in base64: another one would end the process in the library below."""
    try:
        if base64.b64decode(key, validate=True):
            return key
    except ValueError:
        pass
    raise SourceError(
        f"{place.shown}: expected the key of an account in {_STRING} or {_KEY}, found none; copy it again"
    )


def _said() -> dict[str, str]:
    """What the environment says of an account, by the names of connection strings."""
    if text := os.environ.get(_STRING):
        pairs = (part.partition("=") for part in text.split(";") if "=" in part)
        return {name.strip(): value for name, _, value in pairs}
    named = {"AccountName": _ACCOUNT, "AccountKey": _KEY, "SharedAccessSignature": _SIGNATURE}
    return {name: os.environ[variable] for name, variable in named.items() if os.environ.get(variable)}
