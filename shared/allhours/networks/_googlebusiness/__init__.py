"""The parts of `googlebusiness`; `networks/googlebusiness.py` is the way in."""
