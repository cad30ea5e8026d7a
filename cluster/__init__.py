"""Reaching Kafka: connection settings, the client's errors as ours, topic set-up, reading committed records."""
