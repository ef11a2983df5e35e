"""Hear what is said on Facebook Pages and Messenger.

By schedule, and by webhook where the network calls one.
"""

from allhours.aws.intake import intake

handler = intake("facebook")
