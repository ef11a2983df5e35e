"""The parts of `linkedin`; `networks/linkedin.py` is the way in."""
