"""Reports as plain documents: what a command found out, in the form of its JSON."""
