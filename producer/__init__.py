"""Sends a shop's events, simulated or from files, to the topic."""
