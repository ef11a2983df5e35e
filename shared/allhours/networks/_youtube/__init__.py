"""The parts of `youtube`; `networks/youtube.py` is the way in."""
