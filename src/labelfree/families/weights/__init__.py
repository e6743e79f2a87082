"""What the weights of a checkpoint say, without data."""
