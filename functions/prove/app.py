"""Prove, each night, that nobody-on-duty does not happen in the next 400 days."""

from allhours.aws.prove import prove_tonight


def handler(_event: object, _context: object) -> None:
    """Prove once; twice in a night is harmless."""
    prove_tonight()
