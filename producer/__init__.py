"""From a shop's events, simulated or in files, to the topic."""
