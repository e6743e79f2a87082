"""Ranks and shapes: how many directions the rows use, and how."""
