"""What every HTTP port of ours has: its listener, connections that end, the Host check, and /metrics."""
