"""How the Mastodon stand-in shows its world: statuses, accounts, HTML and the server itself, per flavour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

JSON = dict[str, Any]
_WORDS = re.compile(r"(https?://\S+)|@([\w.]+(?:@[\w.-]+)?)|#(\w+)")
_CUT = 30  # characters of an address that are shown


@dataclass(slots=True, kw_only=True)
class Said:
    """One status and what became of it; `id` is its global address, by which it is known everywhere."""

    id: str
    status_id: str
    author: str
    text: str
    said_at: datetime
    visibility: str
    reply_to: str = ""
    warning: str = ""
    edited_at: datetime | None = None
    deleted: bool = False
    by_brand: bool = False

    @property
    def native_id(self) -> str:
        """Return the id by which we know it."""
        return self.id

    @property
    def mentions(self) -> list[str]:
        """Return whom the text names."""
        return [found[2] for found in _WORDS.finditer(self.text) if found[2]]

    @property
    def tags(self) -> list[str]:
        """Return the hashtags in the text."""
        return [found[3] for found in _WORDS.finditer(self.text) if found[3]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """The server's way of showing things; `account_id` knows everybody's id."""

    base_url: str
    mastodon: bool
    account_id: Callable[[str], str]

    def status(self, said: Said, parent: Said | None) -> JSON:
        """Return a status as the API shows it."""
        body: JSON = {
            "id": said.status_id,
            "created_at": iso(said.said_at),
            "edited_at": iso(said.edited_at) if said.edited_at else None,
            "in_reply_to_id": parent.status_id if parent else None,
            "in_reply_to_account_id": self.account_id(parent.author) if parent else None,
            "visibility": said.visibility,
            "language": "en",
            "sensitive": bool(said.warning),
            "spoiler_text": said.warning,
            "uri": said.id,
            "url": said.id.replace("/users/", "/@").replace("/statuses/", "/"),
            "content": self.html(said.text),
            "account": self.account(said.author),
            "mentions": list(map(self._mention, said.mentions)),
            "tags": [{"name": tag, "url": f"{self.base_url}/tags/{tag}"} for tag in said.tags],
            "reblog": None,
        }
        body |= dict.fromkeys(("media_attachments", "emojis", "filtered"), ())
        return body | dict.fromkeys(("replies_count", "reblogs_count", "favourites_count"), 0)

    def account(self, author: str) -> JSON:
        """Return an account; created_at lacks the time of day, as on real servers."""
        profile = self._profile(author)
        name = author.partition("@")[0]
        body: JSON = {
            "id": self.account_id(author),
            "username": name,
            "acct": author,
            "display_name": name.capitalize(),
            "url": profile,
            "created_at": "2026-01-01T00:00:00.000Z",
            "note": "",
        }
        if self.mastodon:
            body["uri"] = profile.replace("/@", "/users/")
        body |= dict.fromkeys(("avatar", "avatar_static", "header", "header_static"), f"{profile}.png")
        body |= dict.fromkeys(("followers_count", "following_count", "statuses_count"), 1)
        body |= dict.fromkeys(("bot", "locked", "group", "indexable"), False)
        return body | dict.fromkeys(("emojis", "fields", "roles"), ())

    def own_account(self, brand: str) -> JSON:
        """Return our account with what only we are shown of it."""
        role = {"id": "-99", "name": "", "color": "", "permissions": "0", "highlighted": False}
        fields: list[JSON] = []
        source = {"note": "", "fields": fields, "privacy": "public", "sensitive": False, "language": "en"}
        source |= {"follow_requests_count": 0, "indexable": False}
        return self.account(brand) | {"role": role, "source": source}

    def app(self, scopes: str) -> JSON:
        """Return the app that a token belongs to."""
        redirects = "http://127.0.0.1/"
        body: JSON = {"id": "1", "name": "Allhours", "website": None, "scopes": scopes.split()}
        return body | {"redirect_uris": [redirects], "redirect_uri": redirects, "vapid_key": "none"}

    def instance(self) -> JSON:
        """Return the server's description of itself."""
        return {
            "domain": self.base_url.removeprefix("http://"),
            "title": "Stand-in",
            "version": "4.6.4" if self.mastodon else "0.20.2",
            "source_url": "https://example.org/source",
            "description": "",
            "usage": {"users": {"active_month": 2}},
            "thumbnail": {"url": f"{self.base_url}/thumbnail.png"},
            "icon": [],
            "languages": ["en"],
            "registrations": {"enabled": False, "approval_required": False},
            "contact": {"email": "admin@example.org"},
            "rules": [],
            "api_versions": {"mastodon": 10 if self.mastodon else 1},
            "configuration": {
                "urls": {},
                "translation": {"enabled": False},
                "accounts": {"max_featured_tags": 10, "max_pinned_statuses": 5},
                "statuses": {
                    "max_characters": 500 if self.mastodon else 5_000,
                    "max_media_attachments": 4,
                    "characters_reserved_per_url": 23,
                },
                "polls": {
                    "max_options": 4,
                    "max_characters_per_option": 50,
                    "min_expiration": 300,
                    "max_expiration": 2_629_746,
                },
                "media_attachments": {
                    "supported_mime_types": ["image/png"],
                    "image_size_limit": 16_777_216,
                    "image_matrix_limit": 33_177_600,
                    "video_size_limit": 103_809_024,
                    "video_frame_rate_limit": 120,
                    "video_matrix_limit": 8_294_400,
                },
            },
        }

    def policy(self, private_mentions: str) -> JSON:
        """Return what becomes of notifications by strangers."""
        others = ("not_following", "not_followers", "new_accounts", "limited_accounts")
        body: JSON = {f"for_{each}": "accept" for each in others}
        body["for_private_mentions"] = private_mentions
        return body | {"summary": {"pending_requests_count": 0, "pending_notifications_count": 0}}

    def html(self, text: str) -> str:
        """Return the text as this flavour marks it up."""
        marked = _WORDS.sub(self._linked, escape(text, quote=False))
        marked = marked if self.mastodon else marked.replace("&gt;", ">")
        paragraphs = marked.replace("\n\n", "\0").replace("\n", "<br />").split("\0")
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def _linked(self, found: re.Match[str]) -> str:
        address, acct, tag = found.groups()
        if address:
            start, rest = address[:_CUT], address[_CUT:]
            shown = f'<span class="ellipsis">{start}</span><span class="invisible">{rest}</span>'
            return f'<a href="{address}">{shown}</a>'
        if tag:
            return f'<a href="{self.base_url}/tags/{tag}" class="mention hashtag">#<span>{tag}</span></a>'
        name, href = acct.partition("@")[0], self._profile(acct)
        return f'<span class="h-card"><a href="{href}" class="u-url mention">@<span>{name}</span></a></span>'

    def _mention(self, acct: str) -> JSON:
        name = acct.partition("@")[0]
        return {"id": self.account_id(acct), "acct": acct, "username": name, "url": self._profile(acct)}

    def _profile(self, acct: str) -> str:
        name, _, host = acct.partition("@")
        return f"https://{host}/@{name}" if host else f"{self.base_url}/@{name}"


def iso(at: datetime) -> str:
    """Return a time as the API writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
