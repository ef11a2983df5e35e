"""Hear what customers write on WhatsApp: by webhook only, for there is nothing to poll."""

from allhours.aws.intake import intake

handler = intake("whatsapp")
