"""From events to the top x: the pure domain, the stream around it (Kafka), and the batch way (files)."""
