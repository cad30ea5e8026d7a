"""The consumer's Kafka part: the loop, assignment, restore, changelog, snapshots, dead letters, transport."""
