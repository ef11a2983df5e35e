"""Hear what is written in reviews on Trustpilot: by schedule, and by webhook."""

from allhours.aws.intake import intake

handler = intake("trustpilot")
