"""The parts of `mastodon`; `networks/mastodon.py` is the way in."""
