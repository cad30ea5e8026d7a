"""Reading the consumer's output: snapshots and dead letters, and their values as text, without a terminal."""
