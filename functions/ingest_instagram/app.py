"""Hear what is said on Instagram: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("instagram")
