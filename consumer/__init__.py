"""Ranks customers by lifetime value: the pure domain, the stream around it (Kafka), and the batch run (files)."""
