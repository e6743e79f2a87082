"""Pictures: panels for files, small ones for a terminal."""
