"""What a phone shows behind a link: one column, one thing to do, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5b6675;--line:#e3e7ec;--ground:#f5f6f8;--card:#fff;
--act:#0b5cad;--on-act:#fff;--good:#1a7446;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#a3aebb;--line:#2c3541;--ground:#11161c;
--card:#1a212a;--act:#7db4f0;--on-act:#0b1a2b;--good:#6fcf97;--bad:#ff8f86}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:17px/1.5 system-ui,-apple-system,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:34rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 1rem;text-wrap:balance}
h2{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:2rem 0 .5rem}
p{margin:.5rem 0}
.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:1rem 1.1rem;margin:.6rem 0}
.card p:first-child{margin-top:0}.card p:last-child{margin-bottom:0}
.line{display:flex;gap:1rem;justify-content:space-between;align-items:baseline;flex-wrap:wrap}
form,p:has(>.button){margin:.75rem 0 0}
button,.button{display:block;width:100%;min-height:3.25rem;padding:.8rem 1rem;border:0;border-radius:12px;
background:var(--act);color:var(--on-act);font:inherit;font-weight:600;text-align:center;text-decoration:none;
cursor:pointer}
.quiet{background:transparent;color:var(--act);border:1px solid var(--line)}
.danger{background:transparent;color:var(--bad);border:1px solid var(--bad)}
button:focus-visible,.button:focus-visible,summary:focus-visible,input:focus-visible,a:focus-visible{
outline:3px solid var(--act);outline-offset:2px}
label{display:block;margin:.6rem 0 .2rem;color:var(--soft);font-size:.9rem}
input{width:100%;min-height:3rem;padding:.6rem .8rem;border:1px solid var(--line);border-radius:10px;
background:var(--ground);color:var(--ink);font:inherit}
summary{cursor:pointer;font-weight:600;min-height:2rem}
.rows{padding:.25rem 1.1rem}
.row{display:flex;gap:1rem;justify-content:space-between;align-items:baseline;padding:.75rem 0;color:inherit;
text-decoration:none;min-height:3rem}
.row+.row{border-top:1px solid var(--line)}
.row small{color:var(--act);font-weight:600;white-space:nowrap}
ul{margin:.5rem 0;padding-left:1.2rem}
a{color:var(--act)}
code{font-size:.85rem;overflow-wrap:anywhere}
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is markup already; everything else is escaped before it is shown."""

    text: str


def html(template: str, /, *parts: str | Html) -> Html:
    """Put parts in the places of a template that are marked `{}`; what is no `Html` is escaped."""
    return Html(template.format(*(each.text if isinstance(each, Html) else escape(each) for each in parts)))


def joined(parts: Iterable[Html]) -> Html:
    """Put one after the other."""
    return Html("".join(each.text for each in parts))


def document(title: str, body: Html) -> str:
    """Return the whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="robots" content="noindex,nofollow">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body.text}</main></body></html>"
    )


def heading(text: str) -> Html:
    """Return the page's own heading."""
    return html("<h1>{}</h1>", text)


def section(title: str, *parts: Html) -> Html:
    """Return parts under a small heading; nothing where there are none."""
    return html("<section><h2>{}</h2>{}</section>", title, joined(parts)) if parts else Html("")


def card(*parts: Html) -> Html:
    """Return parts in a frame of their own."""
    return html('<div class="card">{}</div>', joined(parts))


def paragraph(text: str, style: str = "") -> Html:
    """Return a paragraph; `style` is soft, good or bad."""
    return html('<p class="{}">{}</p>', style, text) if style else html("<p>{}</p>", text)


def line(left: str, right: str) -> Html:
    """Return what and when, side by side where there is room."""
    return html('<p class="line"><strong>{}</strong><span class="soft">{}</span></p>', left, right)


def bullets(items: Iterable[str]) -> Html:
    """Return a list."""
    return html("<ul>{}</ul>", joined(html("<li>{}</li>", each) for each in items))


def button(label: str, fields: Mapping[str, str], style: str = "", inputs: Iterable[Html] = ()) -> Html:
    """Return a button that posts its fields to the page it stands on; `style` is quiet or danger."""
    hidden = joined(
        html('<input type="hidden" name="{}" value="{}">', name, value) for name, value in fields.items()
    )
    return html(
        '<form method="post" action="?">{}{}<button class="{}">{}</button></form>',
        hidden,
        joined(inputs),
        style,
        label,
    )


def asked(label: str, name: str, *, needed: bool = True) -> Html:
    """Return a date to fill in."""
    wanted = Html(" required" if needed else "")
    return html('<label>{}<input name="{}" type="date"{}></label>', label, name, wanted)


def way(label: str, query: str, style: str = "quiet") -> Html:
    """Return a link that looks like a button and only shows something else."""
    return html('<p><a class="button {}" href="?{}">{}</a></p>', style, query, label)


def rows(parts: Iterable[Html]) -> Html:
    """Return rows in one frame."""
    return html('<div class="card rows">{}</div>', joined(parts))


def row(what: str, when: str, query: str = "", says: str = "") -> Html:
    """Return what and when in a row; with a query it is a link, which `says` what it shows."""
    told = html('<span><strong>{}</strong><br><span class="soft">{}</span></span>', what, when)
    if not query:
        return html('<div class="row">{}</div>', told)
    return html('<a class="row" href="?{}">{}<small>{}</small></a>', query, told, says)


def folded(title: str, *parts: Html) -> Html:
    """Return parts that show when their title is tapped."""
    return html('<details class="card"><summary>{}</summary>{}</details>', title, joined(parts))


def refusal() -> str:
    """Return the one page for every link that does not hold, whatever the reason."""
    return document(
        "This link does not work",
        joined(
            [
                heading("This link does not work"),
                paragraph(
                    "It was cut off, used up, taken back, or its time is over: ask for a new one.", "soft"
                ),
            ]
        ),
    )
