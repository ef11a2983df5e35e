"""Hear what is said on Discourse forums: by schedule, and by webhook where the forum calls one."""

from allhours.aws.intake import intake

handler = intake("discourse")
