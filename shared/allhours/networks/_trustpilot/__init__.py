"""The parts of `trustpilot`; `networks/trustpilot.py` is the way in."""
