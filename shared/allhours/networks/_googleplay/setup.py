"""Setting up Google Play: a service account's key, and a first read of the app's reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._reviews import KeySetup
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.googleplay import NETWORK, address

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._google import Google

KEY_FILE = "the JSON key file: Google Cloud console, IAM, Service accounts, Keys, Add key"


class PlaySetup(KeySetup):
    """The key of a service account, which never runs out."""

    nothing_to_register = "nothing to register: Google Play calls nobody, reviews are polled"
    questions: tuple[Question, ...] = (
        Question(field="client_email", prompt="client_email of the service account", where=KEY_FILE),
        Question(field="private_key", prompt="private_key, as it stands in the file", where=KEY_FILE),
    )

    def __init__(self, google: Google) -> None:
        """Keep the port."""
        self._google = google

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read one review of the app."""
        if not handle.native_id:
            raise Refused(
                NETWORK,
                "the organisation file needs the app's package name as native_id",
                handle=handle.handle,
            )
        self._google.get(handle, address(handle), at=at, params={"maxResults": "1"}, what="reviews")
        return Identity(native_id=handle.native_id, name=handle.handle, note="reviews can be read")

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Return whether the key still opens the app's reviews; it never runs out by itself."""
        del callback
        try:
            self.identify(handle, at=at)
        except Refused as error:
            return Health(notes=(error.detail,))
        return Health(quota="200 reads an hour and app, of which Google tells no count")
