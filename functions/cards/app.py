"""Cards, each night: do the links of the answer cards still lead somewhere, and is a card about to expire?"""

from allhours.aws.cards import check_tonight


def handler(_event: object, _context: object) -> None:
    """Check once; twice in a night is harmless."""
    check_tonight()
