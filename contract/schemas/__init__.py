"""The JSON Schemas for producers and subscribers, written from the types."""
