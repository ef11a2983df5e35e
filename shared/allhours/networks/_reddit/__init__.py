"""The parts of `reddit`; `networks/reddit.py` is the way in."""
