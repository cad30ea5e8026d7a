"""The parts of `ltv demo`: child processes, and the live ranking with the consumer's pace."""
