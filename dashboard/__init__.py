"""Snapshots for browsers and programs: a page, an HTTP API, and a stream of server-sent events."""
