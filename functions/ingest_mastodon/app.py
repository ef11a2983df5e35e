"""Hear what is said on Mastodon, by schedule."""

from allhours.aws.intake import intake

handler = intake("mastodon")
