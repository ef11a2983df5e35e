"""Hear what is said on Bluesky, by schedule."""

from allhours.aws.intake import intake

handler = intake("bluesky")
