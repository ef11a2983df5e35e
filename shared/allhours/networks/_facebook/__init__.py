"""The parts of `facebook`; `networks/facebook.py` is the way in."""
