"""The parts of `telegram`; `networks/telegram.py` is the way in."""
