"""The page of verified accounts: for everybody, on any device, on paper, without a script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#4f5a68;--line:#d5dbe2;--ground:#fff;--link:#0b5cad;
--bad:#a52019}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#a9b4c0;--line:#333e4b;--ground:#11161c;
--link:#8ebcf2;--bad:#ff9b93}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:17px/1.5 system-ui,-apple-system,sans-serif}
main{max-width:52rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding:.2rem 0 .6rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .8rem .5rem 0;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
th{font-weight:600;overflow-wrap:normal}
a{color:var(--link)}a:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.gone{color:var(--bad);font-weight:600}
small,footer{color:var(--soft)}code{font-size:.85em;overflow-wrap:anywhere}
.wide{overflow-x:auto}
@media print{:root{--ink:#000;--soft:#333;--line:#999;--ground:#fff;--link:#000;--bad:#000}
body{font-size:11pt}main{max-width:none;padding:0}tr{break-inside:avoid}
td a::after{content:" (" attr(href) ")";font-size:.85em}}
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def accounts_page(
    statement: Mapping[str, Any], *, names: Mapping[str, str], kid: str, document: str, keys: str
) -> str:
    """Return the whole page; `document` and `keys` are where programs find the same, signed.

    `names` is what customers call each network.
    """
    name = escape(statement["name"])
    parts = [
        f"<h1>Accounts of {name}</h1>",
        (
            f"<p>These are all the accounts from which {name} writes. One that is not listed here is not "
            "ours, whatever it calls itself. We never ask for a password, a PIN or a whole card number.</p>"
        ),
        _table(
            "Our accounts",
            f"{len(statement['accounts'])} accounts, by network",
            ("Network", "Account", "Who answers"),
            (
                (names.get(each["network"], each["network"]), _handle(each), escape(each["unit"]))
                for each in statement["accounts"]
            ),
        ),
    ]
    if statement["withdrawn"]:
        parts.append(
            _table(
                "Withdrawn: not ours any more",
                "Whoever writes from one of these is not us",
                ("Network", "Account", "Since"),
                (
                    (
                        names.get(each["network"], each["network"]),
                        f'<span class="gone">{escape(each["handle"])}, withdrawn</span>',
                        f"{escape(each['since'])}{'. ' + escape(each['note']) if each.get('note') else ''}",
                    )
                    for each in statement["withdrawn"]
                ),
            )
        )
    parts.append(
        f"<footer><p>As of {escape(statement['generated_at'])}, revision "
        f"<code>{escape(statement['revision'][:12])}</code>. For programs: "
        f'<a href="{escape(document)}">the same as signed JSON</a>, '
        f'<a href="{escape(keys)}">the key</a> <code>{escape(kid)}</code>.</p></footer>'
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Accounts of {name}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _table(heading: str, caption: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table whose cells are markup; the first cell of a row names a network."""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{each}</td>" for each in more)}</tr>'
        for first, *more in rows
    )
    return (
        f'<h2>{heading}</h2><div class="wide"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _handle(entry: Mapping[str, str]) -> str:
    handle = escape(entry["handle"])
    if "profile" not in entry:
        return handle
    return f'<a href="{escape(entry["profile"])}" rel="noreferrer">{handle}</a>'
