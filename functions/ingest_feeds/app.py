"""Hear what is said on blogs, news and Ning communities by their feeds.

By schedule, and by webhook where the network calls one.
"""

from allhours.aws.intake import intake

handler = intake("feeds")
