"""Reading what the consumer wrote: snapshots, dead letters, and what a row of them shows, without a terminal."""
