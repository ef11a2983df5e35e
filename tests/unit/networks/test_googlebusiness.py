"""What Google Business Profile's texts mean: whose words they are."""

from __future__ import annotations

import pytest

from allhours.networks._googlebusiness.posts import original


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("(Translated by Google) Good\n\n(Original)\nGut", "Gut"),
        ("(Translated by Google) Good (Original) or not\n\n(Original)\nGut", "Gut"),
        ("(Translated by Google) Good (Original) Gut", "Gut"),
        ("(Translated by Google)\r\nGood\r\n\r\n(Original)\r\nGut", "\nGut"),
        ("Gut\n\n(Translated by Google)\nGood", "Gut\n"),
        ("They said (Translated by Google) is bad", "They said (Translated by Google) is bad"),
        ("Nothing\n(Original) idea", "Nothing\n(Original) idea"),
        ("(Translated by Google) Good", "(Translated by Google) Good"),
        ("", ""),
    ],
)
def test_what_the_author_wrote_is_kept(comment: str, kept: str) -> None:
    assert original(comment) == kept
