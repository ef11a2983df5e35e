"""The app's side of the Facebook stand-in: consent, tokens, their state, and both levels of subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from infra.local.standins import _meta as meta
from infra.local.standins.base import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCOPES = (
    "pages_show_list",
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_manage_engagement",
    "pages_manage_metadata",
    "pages_messaging",
)
SIXTY_DAYS = 5_183_944


class AppSide:
    """An app with one Page: who may call, and where it wants to be called."""

    app_id = "700800900"

    def __init__(self, page_id: str, page_name: str) -> None:
        """Begin with a system user's token, and no webhook."""
        self.page_id = page_id
        self.page_name = page_name
        self.has_role = True
        self.active = True
        self.secret = {
            "app_id": self.app_id,
            "app_secret": "stand-in-app-secret",
            "verify_token": "stand-in-verify-token",
        }
        self.generation = 1
        self.scopes = list(SCOPES)
        self.expires_at = 0
        self.data_access_expires_at = 0
        self.callback = ""
        self.app_fields: list[str] = []
        self.page_fields: list[str] = []

    @property
    def tokens(self) -> dict[str, str]:
        """Return the tokens that are good now."""
        return {"page_token": f"EAApage{self.generation}", "user_token": "EAAsystemuser"}

    @property
    def app_token(self) -> str:
        """Return the token that is the app's own."""
        return f"{self.app_id}|{self.secret['app_secret']}"

    def refusal(self, token: str, proof: str) -> Told | None:
        """Return why a call is not let in."""
        if token == self.app_token:
            return None
        if token not in {*self.tokens.values(), "EAAlong"}:
            return meta.error(400, 190, "Error validating access token: Session has expired.", subcode=463)
        return meta.wrong_proof(self.secret["app_secret"], token, proof)

    def without_token(self, method: str, path: str, params: Mapping[str, str]) -> Told | None:
        """Answer the consent page and the token endpoint; None for anything else."""
        if path == "dialog/oauth" and method == "GET":
            back = urlencode({"code": "AQcode", "state": params["state"]})
            return Told(status=302, headers={"Location": f"{params['redirect_uri']}?{back}"})
        if path != "oauth/access_token":
            return None
        ours = (self.app_id, self.secret["app_secret"])
        if (params.get("client_id"), params.get("client_secret")) != ours:
            return meta.error(400, 101, "Error validating application.")
        if params.get("grant_type") == "fb_exchange_token":
            known = params.get("fb_exchange_token") in {"EAAshort", "EAAlong", *self.tokens.values()}
            token, seconds = "EAAlong", SIXTY_DAYS
        else:
            known = params.get("code") == "AQcode" and bool(params.get("redirect_uri"))
            token, seconds = "EAAshort", 3_600
        if not known:
            return meta.error(400, 100, "This authorization code has expired.", subcode=36007)
        return Told(body={"access_token": token, "token_type": "bearer", "expires_in": seconds})

    def answer(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        token: str,
        call_back: Callable[[str], None],
    ) -> Told | None:
        """Answer what concerns the app itself; None for anything else."""
        if path == f"{self.app_id}/subscriptions":
            if token != self.app_token:
                return meta.error(403, 200, "(#200) must be called with an app access token")
            return self._subscriptions(method, params, call_back)
        if path == f"{self.page_id}/subscribed_apps":
            return self._subscribed(method, params)
        if path == "me/accounts":
            page = {"id": self.page_id, "name": self.page_name, "access_token": self.tokens["page_token"]}
            return Told(body={"data": [page] if self.has_role else []})
        if path == "debug_token":
            return self._debugged(params.get("input_token", ""), token)
        return None

    def _subscriptions(
        self, method: str, params: Mapping[str, str], call_back: Callable[[str], None]
    ) -> Told:
        if method == "POST":
            call_back(params["callback_url"])
            self.app_fields = params["fields"].split(",")
            return Told(body={"success": True})
        row = {"object": "page", "callback_url": self.callback, "active": self.active}
        named = [{"name": name, "version": "v26.0"} for name in self.app_fields]
        return Told(body={"data": [{**row, "fields": named}] if self.callback else []})

    def _subscribed(self, method: str, params: Mapping[str, str]) -> Told:
        if method == "POST":
            wanted = params["subscribed_fields"].split(",")
            if "messaging_seen" in wanted:
                return meta.error(400, 100, "(#100) Param subscribed_fields must be one of {...}")
            self.page_fields = wanted
            return Told(body={"success": True})
        rows = [{"id": self.app_id, "name": "Allhours", "subscribed_fields": self.page_fields}]
        return Told(body={"data": rows if self.page_fields else []})

    def _debugged(self, token: str, asker: str) -> Told:
        if asker != self.app_token:
            return meta.error(400, 100, "(#100) You must provide an app access token")
        state = {
            "app_id": self.app_id,
            "type": "PAGE",
            "is_valid": token in self.tokens.values(),
            "expires_at": self.expires_at,
            "data_access_expires_at": self.data_access_expires_at,
            "scopes": self.scopes,
            "profile_id": self.page_id,
        }
        return Told(body={"data": state})
