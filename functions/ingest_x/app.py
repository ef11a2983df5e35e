"""Hear what is said on X: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("x")
