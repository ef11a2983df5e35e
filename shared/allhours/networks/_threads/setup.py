"""Connect a Threads profile: consent, a token of sixty days, its scopes, and what a person must set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._meta.errors import TokenRefused, number
from allhours.networks._meta.fields import dict_of, dicts, id_or_nothing, word
from allhours.networks._meta.sixty_days import LIVES, moment_of
from allhours.networks._threads.graph import BASE_URL, SIXTY_DAYS, graph_for
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for
from allhours.networks.oauth import consent_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

NEEDED = (
    "threads_basic",
    "threads_read_replies",
    "threads_manage_replies",
    "threads_manage_mentions",
    "threads_content_publish",
    "threads_delete",
)
FOR_SEARCH = "threads_keyword_search"
QUOTA_FIELDS = "quota_usage,config,reply_quota_usage,reply_config,delete_quota_usage,delete_config"


class ThreadsSetup:
    """Lead through the setup of a profile."""

    questions: tuple[Question, ...] = (
        Question(
            field="app_id",
            prompt="Threads app id",
            where="App dashboard, App settings: the Threads app id, which is not the Meta app's",
            of_app=True,
        ),
        Question(
            field="app_secret",
            prompt="Threads app secret",
            where="beside the Threads app id; the Meta app's may follow behind a comma",
            of_app=True,
        ),
        Question(
            field="verify_token",
            prompt="verify token",
            where="any long random word; type the same in the Threads use case, Webhooks",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return the address at which the profile's owner consents; there is no PKCE."""
        del verifier
        return consent_address(
            f"{host_for(handle, BASE_URL, 'https://www.threads.net')}/oauth/authorize",
            client_id=given.get("app_id", ""),
            redirect_uri=redirect,
            scope=",".join(_scopes(handle)),
            state=state,
        )

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the secret's fields, with a token of sixty days."""
        del verifier
        secret = given.get("app_secret", "").split(",")[0].strip()
        app_id = given.get("app_id", "")
        return SIXTY_DAYS.exchange(
            self._http, handle, app_id=app_id, app_secret=secret, code=code, redirect=redirect, at=at
        )

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read whose token it is."""
        graph = self._graph(handle, at)
        told = graph.get("me", {"fields": "id,username"})
        native_id = id_or_nothing(told.get("id"))
        if not native_id:
            raise graph.malformed("the answer names no profile", "id")
        return Identity(native_id=native_id, name=f"@{word(told.get('username'))}")

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Say what a person must do: Threads has no call for it."""
        del handle, at
        return (
            f"left for a person: in the dashboard, Threads, Webhooks, set {callback} and the verify token",
            "left for a person: subscribe topic moderate to replies, delete; topic interaction to mentions",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the token's end and scopes, and at the publishing limit."""
        graph = self._graph(handle, at)
        fields = self._credentials.read(handle.secret)
        answer = graph.get("me/threads_publishing_limit", {"fields": QUOTA_FIELDS})
        limit = next(iter(dicts(answer.get("data"))), answer)
        replies = number(limit.get("reply_quota_usage"))
        total = number(dict_of(limit.get("reply_config")).get("quota_total")) or 1_000
        notes = self._missing(graph, handle, fields.get("access_token", ""))
        expires_at = moment_of(fields, "expires_at")
        if expires_at is None:
            notes = (
                *notes,
                f"the secret has no expires_at: the token ends {LIVES.days} days after it was made",
            )
        return Health(
            token_expires=expires_at,
            webhook="Threads does not tell of our webhook: see the app's dashboard" if callback else "",
            quota=f"{replies} of {total} replies in 24 hours",
            quota_used=replies / total,
            notes=notes,
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew the token once a week."""
        return SIXTY_DAYS.renew(self._http, self._credentials, handle, at=at)

    def _missing(self, graph: Graph, handle: Handle, token: str) -> tuple[str, ...]:
        """Return what the token lacks: without a permission Threads answers with empty lists, not errors."""
        try:
            told = dict_of(graph.get("debug_token", {"input_token": token}).get("data"))
        except TokenRefused:
            raise
        except Refused:
            return ("Threads did not say which permissions the token has",)
        scopes = told.get("scopes")
        granted = {word(each) for each in scopes} if isinstance(scopes, list) else set[str]()
        missing = [scope for scope in _scopes(handle) if scope not in granted]
        return (f"the token lacks {', '.join(missing)}: connect again and grant all",) if missing else ()

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _scopes(handle: Handle) -> tuple[str, ...]:
    return (*NEEDED, FOR_SEARCH) if handle.listen else NEEDED
