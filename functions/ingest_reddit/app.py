"""Hear what is said on Reddit, by schedule."""

from allhours.aws.intake import intake

handler = intake("reddit")
