"""The parts of `tiktok`; `networks/tiktok.py` is the way in."""
