"""The parts of `appstore`; `networks/appstore.py` is the way in."""
