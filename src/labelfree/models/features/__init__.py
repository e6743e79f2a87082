"""What is taken from a network: the layer, the head behind it, one vector from tokens."""
