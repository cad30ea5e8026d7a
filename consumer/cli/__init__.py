"""The consumer's commands: each reads its flags, calls the code that does the work, and shows the outcome."""
