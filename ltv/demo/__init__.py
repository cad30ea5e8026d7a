"""What `ltv demo` is made of: child processes, and the live ranking with the consumer's pace."""
