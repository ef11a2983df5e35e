"""The parts of `x`; `networks/x.py` is the way in."""
