"""See to what has become due, each minute: pages that climb, deadlines, handovers, gaps."""

from allhours.aws.clock import clock_minute


def handler(_event: object, _context: object) -> None:
    """Tick once; a late or doubled tick is harmless."""
    clock_minute()
