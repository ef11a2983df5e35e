"""The local cloud: the real template on an emulator, stand-in networks, and a cast of customers."""
