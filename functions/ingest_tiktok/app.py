"""Hear what is said in TikTok comments: by schedule, and by webhook where the network calls one."""

from allhours.aws.intake import intake

handler = intake("tiktok")
