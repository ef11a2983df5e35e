"""Watch over the whole, each minute: silent channels, and pages that did not get out."""

from allhours.aws.minute import watch_minute


def handler(_event: object, _context: object) -> None:
    """Look once; a late or doubled tick is harmless."""
    watch_minute()
