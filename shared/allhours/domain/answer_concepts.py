"""What questions to a bank are made of: things, what is done with them, what went wrong, in a clerk's words.

People name one thing in many ways ("cash machine", "ATM"), and it is two such concepts together that say
which page answers: cash and a fee, a transfer and pending. A word can mean several; `fee*` is any that begins
so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONCEPTS = {
    # things
    "card": "card* plastic",
    "virtual": "virtual* online internet digital electronic",
    "disposable": "disposabl* temporary throwaway single onetime burner",
    "physical": "physical* real actual tangible plastic",
    "pin": "pin pins pincode",
    "passcode": "passcode* password* passwd login code codes logon signin log",
    "phone": "phone* mobile cell* device* smartphone iphone android handset",
    "app": "app apps application phone website site",
    "atm": "atm* machine* cashpoint* teller",
    "cash": "cash notes bills banknotes coins",
    "cheque": "cheque* check checks chq",
    "account": "account* acct*",
    "balance": "balance* updat* show* reflect* appear* see visible",
    "bank": "bank* sepa swift iban",
    "wallet": "apple google applepay googlepay watch",
    "scheme": "visa mastercard master amex american",
    "contactless": "contactless* tap tapping nfc",
    "direct debit": "direct debit*",
    "crypto": "crypto* bitcoin*",
    "identity": "identi* ids document* passport* self myself person",
    "source": "source* origin* funds come came comes from",
    "recipient": "recipient* beneficiar* friend* family payee* landlord receiver someone person",
    "currency": "currenc* euro* eur usd gbp dollar* pound* aud yen fiat cad naira rupee* rand peso*",
    "abroad": "abroad foreign overseas international* holiday* vacation travel* trip country countries"
    " europe* usa uk china states united",
    "age": "age old kid* child* son daughter teen* minor* year years young* under",
    # what is done
    "withdraw": "withdr* widthdr* took taken",
    "transfer": "transf* tranf* trasf* wire wired wiring send sent sending remit*",
    "top up": "top* topup* load* reload* add added adding",
    "payment": "pay* paid purchas* bought buy buying transaction* shop* store* merchant* spend spent",
    "refund": "refund* reimburs* return* moneyback",
    "exchange": "exchang* conver* change swap*",
    "deposit": "deposit* paidin",
    "receive": "receiv* recieve* salary wage* boss employer paycheck paid get got",
    "verify": "verif* validat* confirm* prove* proof authenticat* check",
    "support": "support* offer* serve* operat* provide* available",
    "open": "open* apply join start sign",
    "close": "clos* terminat* delet* deactivat* shut leave leaving",
    "order": "order* get getting request* want need obtain* issue receive",
    "arrive": "arriv* deliver* mail* post* ship* sent send track* come came here receiv*",
    "activate": "activ* enable* turn switch start",
    "link": "link* relink* put add found connect* reactiv*",
    "edit": "edit* chang* updat* modif* detail* address name married surname moved",
    "by itself": "auto* recurring regular* schedul*",
    # how it is, and what went wrong
    "fee": "fee* charg* cost* price* expens* surcharge* commission free",
    "rate": "rate rates",
    "limit": "limit* max* restrict* many much allow* amount* most capped",
    "pending": "pending wait* process* hold still yet long stuck",
    "declined": "declin* reject* denied deny refus* blocked unsuccess* unauthorized",
    "failed": "fail* error* wont unable issue* problem* trouble wrong",
    "works": "work* broke* function* accept*",
    "undone": "revert* revers* cancel* undo undone retract* back",
    "lost": "lost lose losing stolen stole steal* missing misplac* theft mugged robbed taken thief"
    " snatched forgot*",
    "unknown": "recogni* unknown unfamiliar unauthor* fraud* suspicious strange weird dont didnt never made"
    " make not",
    "stranger": "hack* compromis* someone else somebody details used using fraud* copied cloned",
    "twice": "twice double* duplicat* two second multiple once same again",
    "wrong": "wrong* incorrect* differen* bad less only instead off right correct* proper*",
    "extra": "extra addition* another second spare more one unexpected",
    "new": "new replac*",
    "expires": "expir* runs end ends renew* date",
    "kept": "swallow* ate eat eaten stuck kept retain* machine took",
    "forgotten": "forgot* forget* remember* reset recover unlock unblock* attempts tries blocked",
    "gone": "gone disappear* vanish* missing",
    # what is asked
    "when": "when long time take takes day days hour hours week weeks soon quick* fast* until arrive*"
    " duration",
    "how": "how steps process procedure",
    "why": "why reason come explain",
    "what": "what whats which",
    "where": "where wheres locat* find near nearest",
    "can": "can could possible able may option*",
    "not": "not no cant cannot didnt doesnt dont isnt wont hasnt havent wasnt never nothing couldnt without",
    "i": "i my me ive im mine",
    "you": "you your u ur",
}

CONCEPTS = len(_CONCEPTS)
TABLE = f"{crc32(repr(_CONCEPTS).encode()):08x}"
"""What a model notes of the table that it was trained with: it can be asked with no other."""

_STEM = 3  # letters by which the beginnings are filed; none is shorter
_CACHED_WORDS = 4096


def _filed() -> tuple[dict[str, list[int]], dict[str, list[tuple[str, int]]]]:
    """Return the concepts of each whole word, and of each beginning by its first letters."""
    whole: dict[str, list[int]] = {}
    begun: dict[str, list[tuple[str, int]]] = {}
    for concept, words in enumerate(_CONCEPTS.values()):
        for word in words.split():
            if word.endswith("*"):
                begun.setdefault(word[:_STEM], []).append((word[:-1], concept))
            else:
                whole.setdefault(word, []).append(concept)
    return whole, begun


_WHOLE, _BEGUN = _filed()


def concepts_of(words: Sequence[str], most: int) -> list[int]:
    """Return the concepts that folded words name, each once: the first so many, in the table's order."""
    found: dict[int, None] = {}
    for word in words:
        for concept in _of_word(word):
            found[concept] = None
    return sorted(list(found)[:most])


@lru_cache(maxsize=_CACHED_WORDS)
def _of_word(word: str) -> tuple[int, ...]:
    begun = [concept for stem, concept in _BEGUN.get(word[:_STEM], ()) if word.startswith(stem)]
    return tuple(dict.fromkeys([*_WHOLE.get(word, ()), *begun]))
