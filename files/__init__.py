"""Files of events: detect the format, read the events one by one, write each output whole or not at all."""
