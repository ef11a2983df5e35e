"""The parts of `threads`; `networks/threads.py` is the way in."""
