"""The parts of `discourse`; `networks/discourse.py` is the way in."""
