"""What commands show to people: text made safe, tables, progress, invalid events."""
