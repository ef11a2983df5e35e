"""Plain text from what networks send: nothing hidden, nothing lost that a reader needs."""

# ruff: noqa: RUF001 - lookalike characters are what these tests are about
from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.plain_text import from_html, plain


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("a\x00b\x07c\x9bd\te\nf", "abcd\te\nf"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("pay \u202egnp.exe\u2066 now\u2069\u200f\u061c", "pay gnp.exe now"),
        ("h\u200bid\ufeffden\U000e0041", "hidden"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("4\u200c1\u200d1", "411"),
        ("👩\u200d💻 ❤\ufe0f 4\ufe0f\u20e3", "👩\u200d💻 ❤\ufe0f 4\ufe0f\u20e3"),
        ("a\ufe0f\u200d b", "a b"),
        ("\ud83d alone", "\ufffd alone"),
        ("cafe\u0301", "café"),
        ("a\n\n\n\nb", "a\n\n\n\nb"),
        ("a\n\n \n\n\n\t\nb", "a\n\n\n\nb"),
    ],
)
def test_a_text_loses_what_a_reader_cannot_see(sent: str, shown: str) -> None:
    assert plain(sent) == shown


def test_a_long_text_is_cut_within_its_limit() -> None:
    assert plain("word " * 10, limit=20) == "word word word w […]"
    assert plain("x" * 20, limit=20) == "x" * 20


@pytest.mark.parametrize("whole", ["👩\u200d👩\u200d👧", "👍🏽", "q\u0323\u0307", "🇩🇪", "4\ufe0f\u20e3"])
def test_the_cut_never_splits_what_is_read_as_one(whole: str) -> None:
    for inside in range(1, len(whole)):
        assert plain("12345" + whole + "y" * 9, limit=5 + inside + len(" […]")) == "12345 […]"


ODD = st.sampled_from(
    "ae1 \n\r\t\x85\u2028\u0301\u0327\u200b\u200c\u200d\ufe0f\u20e3\u202e\u2329\u1100\u1161"
    "\ud83d\udc00😀👩🏽🇩ക്"
)
TEXTS = st.one_of(st.text(), st.lists(ODD, max_size=20).map("".join))


@given(TEXTS, st.integers(min_value=4, max_value=30))
def test_plain_text_stays_plain(text: str, limit: int) -> None:
    once = plain(text, limit=limit)
    assert plain(once, limit=limit) == once
    assert len(once) <= limit
    assert not any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in once)


MENTION = (
    '<span class="h-card"><a href="https://m.example/@bank" class="mention">@<span>bank</span></a></span>'
)
SHORTENED = (
    'see <a href="https://post.example/long?a=1&amp;b=2"><span class="invisible">https://</span>'
    '<span class="ellipsis">post.example/lo</span><span class="invisible">ng?a=1</span></a>, please'
)


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>one<br>two<br />three</p><p>four</p>", "one\ntwo\nthree\n\nfour"),
        ("a &amp;lt;b&amp;gt; &amp; &eacute;", "a &lt;b&gt; & é"),
        (MENTION, "@bank"),
        (SHORTENED, "see https://post.example/long?a=1&b=2, please"),
        ('<a href="https://post.example">our page</a>', "our page"),
        ('<a href="javascript:alert(1)"><span class="ellipsis">look</span></a>', "look"),
        ("<ul><li>one</li> <li>two</li></ul><blockquote><p>Leela:</p><p>hm</p></blockquote>ok",
         "- one\n- two\n\n> Leela:\n\n> hm\n\nok"),
        ("<style>p{}</style>a<script>if (1 < 2) alert('x')</script>b<!-- c --><!DOCTYPE x><?php d ?>", "ab"),
        ("I <3 you, 2 < 3", "I <3 you, 2 < 3"),
        ("a\n   b <b>c</b>  d", "a b c d"),
        ("<pre>a\n  b</pre>", "a\n  b"),
    ],
)  # fmt: skip
def test_html_is_read_as_its_reader_sees_it(html: str, shown: str) -> None:
    assert from_html(html) == shown


HTML = st.lists(
    st.one_of(
        st.sampled_from(["<", ">", "<a", "<a href='https://x.example'>", "<span class=ellipsis>", "</a>", "<!--", "-->", "<![", "<![x[", "]]>", "<?", "</", "<script>", "</script>", "<p>", "<li>", "<blockquote>", "<pre>", "&", "&#0;", "&#xd800;", "&amp;", "'", '"', "=", "\n"]),  # noqa: E501
        st.text(max_size=3),
    ),
    max_size=20,
).map("".join)  # fmt: skip


@given(HTML)
def test_no_html_is_refused(html: str) -> None:
    assert plain(from_html(html)) == from_html(html)


@pytest.mark.parametrize(
    "unit", ["<div>", "<blockquote>", "<a ", "<!--", "<p/", '<a href="', "<![", "&", "<script>"]
)
def test_a_bomb_of_tags_ends(unit: str) -> None:
    shown = from_html(unit * 50_000)
    assert len(shown) <= 20_000
    assert not set(shown) - set(unit + " […]")
