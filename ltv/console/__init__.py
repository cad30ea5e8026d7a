"""The terminal output of the commands: safe text, tables, progress, invalid events."""
