"""Hear what is said on LinkedIn: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("linkedin")
