"""The parts of `bluesky`; `networks/bluesky.py` is the way in."""
