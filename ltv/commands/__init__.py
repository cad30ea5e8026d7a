"""The commands, one module each: read the options, call the other packages, show the result."""
