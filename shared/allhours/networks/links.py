"""Look whether a link leads somewhere: HEAD, then GET; redirects within our own domains, over https only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

from allhours.domain.lint import host_of, is_within
from allhours.networks.http import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

WITHIN = 5.0  # seconds for a connection, and again between two bytes; no body is read
REDIRECTS = 5  # a page that moved more often should be linked anew
AT_ONCE = 8  # links; our own site has to serve customers beside us
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whether a link leads somewhere, and what was found: a status, or why there was none."""

    ok: bool
    found: str


class Links:
    """Looks at several links at a time."""

    def __init__(self, *, scheme: str = "https", within: float = WITHIN) -> None:
        """Take another scheme for tests on loopback."""
        self._scheme = scheme
        self._within = within

    def look(self, urls: Collection[str], domains: Sequence[str]) -> Mapping[str, Found]:
        """Return what is found at each; redirects lead on below the domains only."""
        if not urls:
            return {}
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(urls, pool.map(self._look, urls, repeat(domains)), strict=True))

    def _look(self, url: str, domains: Sequence[str]) -> Found:
        """Ask for the head; a server that does not like that is asked for the page."""
        found = self._followed("HEAD", url, domains)
        return found if found.ok else self._followed("GET", url, domains)

    def _followed(self, method: str, url: str, domains: Sequence[str]) -> Found:
        for _ in range(REDIRECTS + 1):
            if not url.startswith(f"{self._scheme}://"):
                return Found(ok=False, found=f"it leads to an address that is not {self._scheme}")
            if not is_within(host_of(url), domains):
                return Found(ok=False, found=f"it leads to {host_of(url)}, which is none of our own sites")
            try:
                status, location = self._asked(method, url)
            except requests.RequestException as error:
                return Found(ok=False, found=f"no answer ({type(error).__name__})")
            if status not in _REDIRECTS or not location:
                return Found(ok=status < 300, found=f"status {status}")  # noqa: PLR2004 - HTTP's own number
            url = urljoin(url, location)
        return Found(ok=False, found=f"more than {REDIRECTS} redirects")

    def _asked(self, method: str, url: str) -> tuple[int, str]:
        """Return status and `Location`; no cookie, proxy or password of this machine goes along."""
        with requests.Session() as session:
            session.trust_env = False
            session.headers["User-Agent"] = USER_AGENT
            with session.request(
                method, url, timeout=self._within, allow_redirects=False, stream=True
            ) as answer:
                return answer.status_code, answer.headers.get("Location", "")
