"""The desk's page: static files out of the package, under a policy that lets nothing else in."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allhours.aws.desk_api.told import Told
from allhours.aws.desk_api.trouble import not_there

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = "allhours.desk_page"
INDEX = "index.html"
MOVED = Told(status=308, headers={"location": "../desk", "cache-control": "no-cache"})
"""From /desk/ to /desk, where the page's addresses lead somewhere."""
_NO_FILES = (".py", ".pyc", ".md")
_LOADS = {  # how a page names its files, and a module those it imports
    "html": re.compile(rb'((?:href|src)="/?desk/[\w.-]+)"'),
    "js": re.compile(rb'((?:from|import) ?\(?"\./[\w.-]+)"'),
}
_FOR_EVER = "public, max-age=31536000, immutable"
_SMALL = 1_400  # bytes; what fits one packet is not packed


def page_file(name: str, *, version: str, origins: Sequence[str], accepts: str, if_none_match: str) -> Told:
    """Return a file of the page; `Trouble` 404 where there is none.

    Files are named with the version of them all (`app.js?v=…`, which is put in here), so they are kept for
    ever; the page itself is asked for each time.
    """
    files, tag = _files()
    if name not in files:
        raise not_there()
    raw = files[name]
    headers = {
        "content-type": _type_of(name),
        "cache-control": _FOR_EVER if version == tag and name != INDEX else "no-cache",
        "content-security-policy": policy(origins),
        "etag": f'W/"{tag}"',
        "vary": "accept-encoding",
    }
    if f'"{tag}"' in {each.strip().removeprefix("W/") for each in if_none_match.split(",")}:
        return Told(status=304, headers=headers)
    if "gzip" in accepts and len(raw) > _SMALL and not headers["content-type"].startswith("image/"):
        return Told(status=200, body=_packed(name), headers={**headers, "content-encoding": "gzip"})
    return Told(status=200, body=raw, headers=headers)


def policy(addresses: Sequence[str]) -> str:
    """Return the content security policy: our own files, our own API, and signing in; nothing else."""
    origins = dict.fromkeys(filter(None, map(origin_of, addresses)))
    where = "".join(f" {origin}" for origin in origins)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; manifest-src 'self'; "
        f"connect-src 'self'{where}; form-action 'self'{where}; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address; "" for none."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def page_settings(issuer: str, client_id: str, name: str) -> Mapping[str, object]:
    """Return what tells the page where to sign in, or what has to be set before anybody can."""
    told: dict[str, object] = {"name": name, "issuer": issuer, "client_id": client_id}
    told |= {"scope": "openid profile email", "token": "id_token", "open": bool(issuer and client_id)}
    if not (issuer and client_id):
        told["tells"] = (
            "The desk is closed: this installation knows no sign-in yet. Deploy it with the parameters "
            "OidcIssuer, OidcClientId and OidcAudience (docs/api.md)."
        )
    return told


@cache
def _files() -> tuple[Mapping[str, bytes], str]:
    """Return the files, and the version of them all, which each address of another file in them carries."""
    try:
        there = [each for each in resources.files(PACKAGE).iterdir() if each.is_file()]
    except ModuleNotFoundError:
        return {}, ""
    raw = {each.name: each.read_bytes() for each in there if not each.name.endswith(_NO_FILES)}
    digest = hashlib.sha256()
    for name in sorted(raw):
        digest.update(name.encode() + b"\0" + raw[name] + b"\0")
    version = digest.hexdigest()[:16]
    return {name: _versioned(name, body, version) for name, body in raw.items()}, version


def _versioned(name: str, body: bytes, version: str) -> bytes:
    """Return a file with the version at the address of each other file that it loads."""
    kind = name.rpartition(".")[2]
    if kind not in _LOADS:
        return body
    return _LOADS[kind].sub(rb"\1?v=" + version.encode() + rb'"', body)


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_files()[0][name], compresslevel=9, mtime=0)


def _type_of(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if kind.endswith("javascript") else kind
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
