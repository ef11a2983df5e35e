"""Hear what is said on Bluesky: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("bluesky")
