"""A real Apache Kafka on this machine, from Python packages and Maven jars alone: no Docker, no installed Java."""
