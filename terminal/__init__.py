"""What commands show to people, shared by all of them: consoles, invalid events, progress."""
