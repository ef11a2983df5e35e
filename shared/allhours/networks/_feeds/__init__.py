"""The parts of `feeds`; `networks/feeds.py` is the way in."""
