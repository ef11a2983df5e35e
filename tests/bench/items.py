"""Two hundred invented items with the ids, addresses and lengths that each network really has.

Of a hundred, 50 come from X, 25 from Facebook, 12 from Bluesky, 8 from Mastodon and 5 from feeds; 60 open a
case and 40 go on in one (a feed's entry always opens one). Five name a card, a phone or an e-mail address.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from allhours.domain.item import Author, Item, Kind, Visibility

SHARES = {"x": 50, "facebook": 25, "bluesky": 12, "mastodon": 8, "feeds": 5}
OPENING = 60  # of a hundred
PERSONAL = 5  # of a hundred
COUNT = 200
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PAGE_ID = "5550001112307"
TEXTS = (
    "my card was declined again at the till and there is money in the account, what is going on?",
    (
        "Third time this week the app shows me as logged out while I stand in the queue. Password is right, "
        "my face id too, it just turns in circles. Is anybody looking at this or do I have to change banks?"
    ),
    "transfer to my landlord sent on Monday, still not there. He is losing patience and so am I.",
    "Somebody has used my card in a shop where I never was, I did not make these payments. Please block it!",
    "been on hold for 50 minutes, then cut off. Can I speak to a real person somewhere?",
    "How long does it take until a changed address is in the system? My new card went to the old flat.",
    "Thanks to the lady at the branch on the high street this morning, that was kind and quick. 🙂",
    "Buenos días, no puedo entrar en la cuenta desde ayer por la noche y tengo que pagar el alquiler hoy.",
    (
        "mortgage offer ran out because nobody answered my three e-mails. Who pays the higher rate? I sent "
        "everything twice, the reference is in my messages, and the documents are signed since the third."
    ),
    "Ist die App gerade kaputt? Bei mir kommt nur eine weiße Seite, auch nach dem Neustart.",
    "the interest on the savings account is lower than what was advertised, why?",
    "Je ne parviens pas à ajouter un bénéficiaire, le virement est refusé sans raison.",
)
PERSONAL_TEXTS = (
    "card 4111 1111 1111 1111 does not work, can you check?",
    "please call me on +44 7700 900123 or write to leela.rao@example.org, nobody answers in the chat",
)


def items() -> tuple[Item, ...]:
    """Return the mix, in the order in which it was said."""
    chance = random.Random(7)
    networks = [name for name, share in SHARES.items() for _ in range(share * COUNT // 100)]
    chance.shuffle(networks)
    heard: dict[str, list[Item]] = {name: [] for name in SHARES}
    said: list[Item] = []
    opening = (OPENING - SHARES["feeds"]) / (100 - SHARES["feeds"])
    for number, network in enumerate(networks):
        before = heard[network]
        goes_on = network != "feeds" and before and (chance.random() >= opening)
        text = chance.choice(PERSONAL_TEXTS if chance.random() < PERSONAL / 100 else TEXTS)
        opened = _MAKERS[network](
            number, chance, f"@acmebank {text}" if network != "feeds" else f"{text}\n\n{text}"
        )
        item = _next_in(chance.choice(before), opened) if goes_on else opened
        before.append(item)
        said.append(item)
    return tuple(said)


def _next_in(before: Item, opened: Item) -> Item:
    """Return the item as the same author's next word in a conversation."""
    return replace(
        opened,
        author=before.author,
        conversation_id=before.conversation_id,
        parent_id=before.native_id,
        kind=before.kind if before.kind is Kind.MESSAGE else Kind.REPLY,
        visibility=before.visibility,
        answer_needs={
            **opened.answer_needs,
            **{name: needs for name, needs in before.answer_needs.items() if "root" in name},
        },
    )


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("123456789", k=count))


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=count))


def _at(number: int) -> datetime:
    return START + timedelta(seconds=7 * number, milliseconds=number)


def _x(number: int, chance: random.Random, text: str) -> Item:
    post, author = f"20{_digits(chance, 17)}", f"1{_digits(chance, 18)}"
    return Item(
        network="x",
        native_id=post,
        account="acmebank",
        handle="@acmebank",
        conversation_id=f"{post}:{author}",
        author=Author(author_id=author),
        created_at=_at(number).replace(microsecond=0),
        kind=Kind.MENTION,
        text=text,
        language="en",
        permalink=f"https://x.com/i/web/status/{post}",
        addressed=("@acmebank",),
        answer_needs={"post_id": post, "engaged": "mentioned"},
    )


def _facebook(number: int, chance: random.Random, text: str) -> Item:
    if number % 4 == 0:  # a message: the author is known by a page-scoped id only
        psid, mid = _digits(chance, 17), f"m_{_letters(chance, 80)}"
        return Item(
            network="facebook",
            native_id=mid,
            account="acmebank",
            handle="Acme Bank",
            conversation_id=f"messenger:{PAGE_ID}:{psid}",
            author=Author(author_id=f"psid:{psid}"),
            created_at=_at(number),
            kind=Kind.MESSAGE,
            visibility=Visibility.PRIVATE,
            text=text,
            addressed=("Acme Bank",),
            answer_needs={"page_id": PAGE_ID, "psid": psid, "mid": mid},
        )
    post, comment, author = f"12{_digits(chance, 16)}", _digits(chance, 16), _digits(chance, 17)
    return Item(
        network="facebook",
        native_id=comment,
        account="acmebank",
        handle="Acme Bank",
        conversation_id=f"{PAGE_ID}_{post}:{author}",
        author=Author(author_id=author, name="Leela Rao"),
        created_at=_at(number).replace(microsecond=0),
        kind=Kind.COMMENT,
        text=text,
        parent_id=f"{PAGE_ID}_{post}",
        permalink=f"https://www.facebook.com/{PAGE_ID}/posts/{post}/?comment_id={comment}",
        addressed=("Acme Bank",),
        answer_needs={"page_id": PAGE_ID, "post_id": f"{PAGE_ID}_{post}", "comment_id": f"{post}_{comment}"},
    )


def _mastodon(number: int, chance: random.Random, text: str) -> Item:
    status = f"11{_digits(chance, 16)}"
    uri = f"https://social.example/users/leela/statuses/{status}"
    return Item(
        network="mastodon",
        native_id=uri,
        account="acmebank",
        handle="@acmebank",
        conversation_id=uri,
        author=Author(
            author_id="https://social.example/users/leela", handle="@leela@social.example", name="Leela"
        ),
        created_at=_at(number),
        kind=Kind.MENTION,
        text=text,
        language="en",
        permalink=f"https://social.example/@leela/{status}",
        addressed=("@acmebank",),
        answer_needs={"status_id": status, "acct": "leela@social.example", "visibility": "public"},
    )


def _bluesky(number: int, chance: random.Random, text: str) -> Item:
    did = f"did:plc:{_letters(chance, 24)}"
    post = f"3m{_letters(chance, 11)}"
    uri, cid = f"at://{did}/app.bsky.feed.post/{post}", f"bafyrei{_letters(chance, 52)}"
    return Item(
        network="bluesky",
        native_id=uri,
        account="acmebank",
        handle="@acmebank.example",
        conversation_id=f"{uri}:{did}",
        author=Author(author_id=did, handle="leela.social.example", name="Leela 🌻"),
        created_at=_at(number),
        kind=Kind.MENTION,
        text=text,
        language="en",
        permalink=f"https://bsky.app/profile/{did}/post/{post}",
        addressed=("@acmebank.example",),
        answer_needs={"root_uri": uri, "root_cid": cid, "parent_uri": uri, "parent_cid": cid},
    )


def _feed(number: int, chance: random.Random, text: str) -> Item:
    entry = f"bae8659931:forum.example/topics/{_digits(chance, 6)}"
    return Item(
        network="feeds",
        native_id=entry,
        account="acmebank",
        handle="Consumer forum",
        conversation_id=entry,
        author=Author(author_id=_letters(chance, 20), name="Leela Marsh"),
        created_at=_at(number).replace(microsecond=0),
        kind=Kind.ENTRY,
        text=text,
        language="en",
        permalink=f"https://{entry.partition(':')[2]}",
    )


_MAKERS = {"x": _x, "facebook": _facebook, "mastodon": _mastodon, "bluesky": _bluesky, "feeds": _feed}
