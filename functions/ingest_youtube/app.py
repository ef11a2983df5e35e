"""Hear what is said in YouTube comments, by schedule."""

from allhours.aws.intake import intake

handler = intake("youtube")
