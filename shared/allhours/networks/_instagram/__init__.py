"""The parts of `instagram`; `networks/instagram.py` is the way in."""
