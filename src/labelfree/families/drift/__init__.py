"""Drift: whether rows have left a reference, by how much, and which of them."""
