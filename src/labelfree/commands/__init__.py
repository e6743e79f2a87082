"""Every command as a function: from a source to a report."""
