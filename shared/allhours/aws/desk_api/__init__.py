"""The desk's HTTP API: decode, find out who asks, one flow, encode (docs/api.md)."""
