"""Hear what is written in reviews on Google Business Profile, by schedule."""

from allhours.aws.intake import intake

handler = intake("googlebusiness")
