"""Hear what is said on blogs, news and Ning communities by their feeds, by schedule."""

from allhours.aws.intake import intake

handler = intake("feeds")
