"""The commands, one module each, named as the user types them: flags in, a call to the rooms below, the outcome."""
