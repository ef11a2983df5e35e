"""Hear what is written in reviews on Google Play, by schedule."""

from allhours.aws.intake import intake

handler = intake("googleplay")
