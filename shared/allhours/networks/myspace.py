"""MySpace: a network in the last state of its life; nothing of it can be read or answered.

Its developer platform dates from the time of OpenSocial, its documents end around 2011, and no working public
API, feed or webhook is left. The name stays, so that an organisation which once heard it keeps what was said,
and so that the retirement of a network is tried on one that has truly ended (docs/decisions/0023). It has no
`connect`: nothing could be connected to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from allhours.domain.errors import Malformed
from allhours.networks.contract import Capabilities, Life, no

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle

NETWORK = "myspace"
ENDED = "MySpace has no public API any more"

capabilities = Capabilities(
    name=NETWORK,
    title="MySpace",
    base_url="https://myspace.com",
    life=Life.ARCHIVED,
    reads=(),
    polls_every=None,
    edits=no(ENDED),
    deletes=no(ENDED),
    private_items=no(ENDED),
    replies=no(ENDED),
    private_replies=no(ENDED),
    moves_to_private=no(ENDED),
    hides=no(ENDED),
    withdraws=no(ENDED),
    length="nothing is sent",
    found_again=no("nothing is sent"),
    idempotent_replies=False,
    needs=(),
    secret_fields=(),
    leaves_alone=(
        "comments and messages: no API, no feed and no webhook is left for them",
        "the OpenSocial platform: its documents end around 2011",
    ),
    api_pages=(),
)


def parse(body: bytes, handle: Handle, at: datetime) -> NoReturn:
    """Raise `Malformed`: whatever this is, MySpace sends nothing any more."""
    del body, at
    raise Malformed(NETWORK, f"{ENDED}: no body can be of it", handle=handle.handle)
