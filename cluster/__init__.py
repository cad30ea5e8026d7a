"""Reaching Kafka: connection settings, client errors mapped to ours, topic set-up, reading committed records."""
