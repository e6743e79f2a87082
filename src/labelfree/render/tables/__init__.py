"""Tables for people and for programs: terminal, Markdown, CSV, JSON."""
