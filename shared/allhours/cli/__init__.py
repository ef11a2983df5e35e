"""The `allhours` command for cloud teams: check, compile and question the organisation file."""
