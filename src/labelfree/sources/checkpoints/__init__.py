"""Rows and heads from checkpoints, read without running what is in them."""
