"""All of the consumer's Kafka: the loop, assignment, restore, changelog, snapshots, dead letters, transport."""
