"""Files that lie elsewhere: what a name with a scheme means, read by ranges, listed, and replaced at once."""
