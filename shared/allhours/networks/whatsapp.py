"""WhatsApp Business Platform (Cloud API): what customers write to a number, and answers within 24 hours.

Written from developers.facebook.com/documentation/business-messaging/whatsapp (webhooks/overview,
webhooks/reference/messages and its statuses, business-scoped-user-ids, support/error-codes,
messages/send-messages, pricing) and the OpenAPI file of facebook/openapi (v23.0).

There is nothing to poll: no call returns what somebody wrote. What a webhook did not deliver within its
retries of 7 days, or we lost, is gone; `message_history` tells at least how many deliveries failed
(`_whatsapp.setup`). Everything here is private. What is skipped, and why, is named in `_whatsapp.posts`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import Malformed
from allhours.networks._meta import fields
from allhours.networks._meta.webhook import greeting, secrets_of, verified
from allhours.networks._whatsapp import posts
from allhours.networks._whatsapp.graph import NETWORK
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Delivery, Greeting, Meter, Replier
    from allhours.networks.http import Http

capabilities = Capabilities(
    name=NETWORK,
    title="WhatsApp Business Platform",
    base_url="https://graph.facebook.com",
    native_id="the phone number's id",
    reads=(),
    pushes=("messages", "smb_message_echoes", *posts.OPERATIONS),
    polls_every=None,
    edits=yes("told by webhook, where WhatsApp tells them (type `edit`, in 2026 not everywhere yet)"),
    deletes=yes("told by webhook (type `revoke`)"),
    private_items=yes("everything is private"),
    replies=no("WhatsApp has nothing public"),
    private_replies=yes("free text within 24 hours of the customer's last message"),
    moves_to_private=no("everything is private already"),
    hides=no("WhatsApp has nothing public"),
    withdraws=no("a message that was sent cannot be deleted or edited by API"),
    length="4,096 characters",
    answer_within="24 hours after the customer's last message or call; afterwards approved templates only",
    answer_windows=ANSWER_WINDOWS[NETWORK],
    found_again=no("no API shows what was sent: the status webhook brings our reply id, else a person looks"),
    idempotent_replies=False,
    settles_within=timedelta(minutes=5),
    cost=(
        "1,000 free answers a month and phone number, then Meta's utility rate for each delivered one "
        "(since 2026-10-01, as providers report)"
    ),
    needs=(
        "a verified business, a WhatsApp Business Account, a phone number registered for the Cloud API",
        "an app that is Live, with whatsapp_business_messaging and whatsapp_business_management",
        "a System User's token without an end, and a means of payment",
    ),
    secret_fields=("access_token", "waba_id"),
    app_secret_fields=("app_id", "app_secret", "verify_token"),
    leaves_alone=(
        "templates outside the 24 hours: fixed, paid words; a person sends one in WhatsApp Manager",
        "files: an item names their id; WhatsApp keeps them for 7 days and gives them to our token only",
        "groups: an answer would be read by others; what was written in one is shown and not answered",
        "reactions, read receipts and typing signs of ours: nothing is said with them",
        "blocking people: staff do it in WhatsApp Manager, by what the business has decided",
        "calls, flows, catalogues, marketing messages and the history that coexistence brings along",
        "whether incoming messages are in `message_history`: not confirmed, so gaps are told as a note only",
        "the receiver's address for each account or number: the app's own is used for all",
    ),
    api_pages=(
        "https://developers.facebook.com/documentation/business-messaging/whatsapp",
        "https://github.com/facebook/openapi",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> WhatsApp:
    """Return WhatsApp, ready to be called; nothing is asked of it or of the secrets yet."""
    del http, meter  # nothing can be read
    return WhatsApp(credentials, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return WhatsApp, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._whatsapp.answers import WhatsAppAnswers

    del meter
    return WhatsAppAnswers(credentials, http, app_secret=app_secret)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup of a phone number."""
    from allhours.networks._whatsapp.setup import WhatsAppSetup

    return WhatsAppSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a webhook body, as if the phone number it names were the handle's.

    Answers of the API hold no messages. `Malformed` when the body is no JSON object, or somebody else's.
    """
    told = fields.decoded(NETWORK, body)
    if not isinstance(told, dict):
        raise Malformed(NETWORK, "neither a webhook body nor an answer of the Cloud API")
    if "object" not in told and "entry" not in told:
        return ()
    return posts.webhook(body, lambda phone: fields.Place(handle=handle, page=phone, at=at))


class WhatsApp:
    """Listen to phone numbers by webhook."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, *, app_secret: str) -> None:
        """Take the secrets; `app_secret` names the app's."""
        self._credentials = credentials
        self._app_secret = app_secret

    def greet(self, delivery: Delivery) -> Greeting:
        """Return the challenge when the verify token is ours; `BadSignature` otherwise."""
        app = self._credentials.read(self._app_secret)
        return greeting(NETWORK, delivery, app, secret=self._app_secret)

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless `X-Hub-Signature-256` is the raw body's."""
        app = self._credentials.read(self._app_secret)
        verified(NETWORK, delivery, secrets_of(app), secret=self._app_secret)

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handles whose phone numbers it names."""
        places = {each.native_id: fields.Place(handle=each, page=each.native_id, at=at) for each in handles}
        return posts.webhook(body, places.get)
