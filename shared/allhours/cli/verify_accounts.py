"""Check a bank's signed list of accounts, and whether a handle is in it.

As anybody can: the signature, its age, the handle. The key comes from the same address, so TLS says whose it
is; who knows the key's name from elsewhere gives it with `--key`, and then it does not matter who hands the
list on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell
from allhours.domain.errors import BadInput, NetworkError
from allhours.domain.verified import SCHEMA, told_of
from allhours.networks.http import Http

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.verified import Told

WELL_KNOWN, DOCUMENT, KEYS = "/.well-known/", "verified-accounts.json", "allhours-jwks.json"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the bank's address, the handle, and the key's name where it is known."""
    parser.add_argument("url", metavar="URL", help="the bank's site, or the address of its list")
    parser.add_argument("--handle", metavar="@NAME", help="is this handle the bank's?")
    parser.add_argument("--network", default="", metavar="NETWORK", help="on this network only")
    parser.add_argument("--key", default="", metavar="KID", help="the key's name, if you know it already")


def run(arguments: argparse.Namespace) -> int:
    """Check the list and answer: 0 when the handle is the bank's, 1 when it is not or nothing is proved."""
    base = _base(arguments.url)
    document, keys = _fetched(base + DOCUMENT), _fetched(base + KEYS)
    said = proved(document, keys, at=now(), kid=arguments.key)
    if not arguments.handle:
        return _whole(said, keys, in_json=arguments.json)
    told = told_of(said, arguments.handle, arguments.network)
    if arguments.json:
        tell(
            {
                "handle": arguments.handle,
                "is_ours": told.is_ours,
                "accounts": [dict(each) for each in told.ours],
                "withdrawn": [dict(each) for each in told.withdrawn],
            }
        )
    else:
        _say(said["name"], arguments.handle, told)
    return 0 if told.is_ours else 1


def proved(
    document: Mapping[str, Any], keys: Mapping[str, Any], *, at: datetime, kid: str = ""
) -> Mapping[str, Any]:
    """Return the signed statement of a document; `BadInput` says why nothing is proved.

    What stands beside the signature must say the same, for that is what people read.
    """
    signed = document.get("jws")
    if not isinstance(signed, str):
        raise BadInput("the list carries no signature")
    try:
        named = jwt.get_unverified_header(signed).get("kid")
        key = next(each for each in jwt.PyJWKSet.from_dict(dict(keys)).keys if each.key_id == named)
        if kid and named != kid:
            raise BadInput(f"the list is signed with the key {named}, and not with {kid}")
        said = json.loads(jwt.PyJWS().decode(signed, key.key, algorithms=["ES256"]))
    except StopIteration:
        raise BadInput("the list is signed with a key that is not among the published ones") from None
    except (jwt.PyJWTError, ValueError) as wrong:
        raise BadInput(f"the signature does not hold ({type(wrong).__name__})") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise BadInput(f"what is signed is no list of accounts ({SCHEMA})")
    if said != {name: value for name, value in document.items() if name != "jws"}:
        raise BadInput("the list says something else than what is signed")
    if at.timestamp() > said["exp"]:
        raise BadInput(f"the list is of {said['generated_at']} and too old: ask the bank's own site")
    return said


def _whole(said: Mapping[str, Any], keys: Mapping[str, Any], *, in_json: bool) -> int:
    if in_json:
        tell(dict(said))
        return 0
    count, gone = len(said["accounts"]), len(said["withdrawn"])
    when = f"as of {said['generated_at']}"
    say(f"{said['name']}: {count} accounts, {gone} withdrawn, {when}; the signature holds")
    say(f"key {', '.join(str(each['kid']) for each in keys['keys'])}")
    return 0


def _say(bank: str, handle: str, told: Told) -> None:
    for each in told.ours:
        say(f"{each['handle']} on {each['network']} is {bank}: {each['unit']}", "green")
    for each in told.withdrawn:
        note = f" {each['note']}" if each.get("note") else ""
        say(
            f"{each['handle']} on {each['network']} is not {bank} any more, since {each['since']}.{note}",
            "red",
        )
    if not told.ours and not told.withdrawn:
        say(f"{handle} is not on {bank}'s list: it is somebody else", "red")


def _base(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise BadInput(f"{url}: only https says whose address it is")
    path = parts.path.removesuffix(DOCUMENT).rstrip("/").removesuffix(WELL_KNOWN.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/accounts')}{WELL_KNOWN}"


def _fetched(url: str) -> Mapping[str, Any]:
    try:
        answer = Http().call("accounts", "GET", url)
        body = answer.json()
    except NetworkError as error:
        raise BadInput(f"{url}: {error.detail}") from None
    except ValueError:
        raise BadInput(f"{url}: no JSON is there") from None
    if answer.status != 200 or not isinstance(body, dict):  # noqa: PLR2004 - HTTP's own number
        raise BadInput(f"{url}: status {answer.status}, and no list of accounts")
    return body
