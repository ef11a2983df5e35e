"""Whether a post is in the one language that the model was made for.

Networks guess the language of short posts badly, so what they say is believed only when it is another
language by name; the words decide the rest. A text is English when it has words that are English alone, and
not more words that are those of other languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNDECIDED = frozenset({"", "und", "mul", "zxx", "mis", "qme", "qam", "qct", "qht", "qst", "art"})
_SHORT = 8  # words: too few to miss English in, so the model is asked
_LATIN = "\u024f"  # the last letter of Latin scripts without Vietnamese

_ENGLISH_WORDS = """
    the my is are was were be been i you your it its this that these those of for from with without
    and but or not cant cannot dont doesnt didnt wont im ive youre have has had do does did can
    could will would should what when where why how who which we our us they their them he she his
    her there here just now still again please pls thanks thank help to by at if then than about
    after before because since being all any some more most out up down off over get got getting
    need want know say said money bank banking card cards account accounts customer service app
    phone call pay paid payment transfer loan mortgage insurance claim balance charge charged fee
    fees check cheque statement branch login password fraud scam stolen lost stole today yesterday
    day days week weeks month new good great bad love like time people every ever never always am so
    very too a in on me as no
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
# Spanish and Portuguese, French, German and Dutch, Italian, Filipino, Indonesian, Polish, Turkish
_OTHERS_WORDS = """
    desde ayer hoy deja puede porque cuando donde ustedes muy hace nada
    el la los las una del que por para con como pero mi tu esta estoy tengo puedo hola gracias
    cuenta tarjeta banco dinero nao uma minha meu seu voces voce cartao conta dinheiro obrigado le
    les des du une je vous nous est pas pour avec dans sur mon ma mes votre bonjour merci carte
    compte argent der das und ist nicht ein eine ich mein meine sie wir mit auf fur von karte konto
    geld bitte danke het een niet van mijn ik zijn wij voor met rekening il che non per sono mio mia
    di carta conto soldi grazie ang ng mga sa na ko ako ka po hindi lang naman kayo yung yang dan
    tidak saya ini itu untuk dengan uang kartu nie jest mam moje karta dziekuje ve bir bu icin benim
    degil kart hesap lütfen banka hai nahi mera meri ki ke se aur kya
"""
_OTHERS = frozenset(_OTHERS_WORDS.split())


def is_english(code: str, words: Sequence[str]) -> bool:
    """Tell whether a text, by its network's language code and its `words_of`, is English, or too short."""
    language = code.lower().replace("_", "-").split("-")[0]
    if language != "en" and language not in _UNDECIDED:
        return False
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS or (word[0] > _LATIN and word[0].isalpha()) for word in words)
    return others <= english and (english > 0 or len(words) <= _SHORT)
