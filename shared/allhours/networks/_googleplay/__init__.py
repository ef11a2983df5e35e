"""The parts of `googleplay`; `networks/googleplay.py` is the way in."""
