"""The records on the topics: events, snapshots, dead letters; and the topics. Imports no other package of ours."""
