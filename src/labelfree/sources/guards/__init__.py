"""What a file claims of itself, checked before a library believes it."""
