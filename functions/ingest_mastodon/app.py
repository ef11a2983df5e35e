"""Hear what is said on Mastodon: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("mastodon")
