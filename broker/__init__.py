"""Runs Apache Kafka on this machine from Python packages and Maven jars: no Docker, no installed Java."""
