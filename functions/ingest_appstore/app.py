"""Hear what is written in reviews in the App Store, by schedule."""

from allhours.aws.intake import intake

handler = intake("appstore")
