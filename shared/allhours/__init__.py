"""Allhours hears customers on every network and brings each thing they say to the right desk."""

__version__ = "0.1.0"
