"""What is run: which kind of checkpoint it is, what it would run by itself, the network with its weights."""
