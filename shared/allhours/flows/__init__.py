"""What we do: one use case per file, against ports."""
