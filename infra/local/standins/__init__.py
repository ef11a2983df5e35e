"""Stand-in networks: small servers that speak the real wire formats, quirks included."""
