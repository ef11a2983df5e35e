"""What Meta's networks share: errors, the Graph API, webhooks, setup."""
