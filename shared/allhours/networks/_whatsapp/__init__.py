"""The parts of `whatsapp`; `networks/whatsapp.py` is the way in."""
