"""What both models were learned from, as a digest: it stands in their headers, and a test compares.

It knows the posts that we wrote, the word lists, the cards' words, what is made of them (variants, weights,
features) and how is learned. It does not know the shared rows, which are not everywhere, nor labels of desks.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from infra.triage.cards import answers, our_material, with_variants
from infra.triage.material import our_posts, word_lists
from infra.triage.samples import COPIES, SEED, samples

_EVERY = 8  # so many posts stand for the others: taking the features of all would be slow
_ARITHMETIC = ("train.py", "fit.py", "cards_fit.py")  # to the byte, as no test can follow it


@cache
def origin() -> str:
    """Return the digest of what is in this checkout."""
    posts, questions, lists = our_posts(COPIES, SEED), our_material(()), word_lists()
    units = sorted((card, each.unit) for card, each in answers().items())
    seen = sha256(repr((posts, questions, lists, units)).encode(errors="replace"))
    for post in samples(posts[::_EVERY], lists):
        made = post.row, post.weight, sorted(post.features.pieces), sorted(post.features.marks)
        seen.update(repr(made).encode(errors="replace"))
    for question in with_variants(questions[::_EVERY]):
        seen.update(repr((question, sorted(question.ids))).encode(errors="replace"))
    for name in _ARITHMETIC:
        seen.update(Path(__file__).with_name(name).read_bytes())
    return seen.hexdigest()[:16]
