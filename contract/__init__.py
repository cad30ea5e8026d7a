"""What crosses a topic: events, snapshots, dead letters, topic names. Depends on nothing of ours."""
