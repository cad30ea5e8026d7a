"""An independent recomputation of a snapshot: its own decoding, and its own rules in SQL."""
