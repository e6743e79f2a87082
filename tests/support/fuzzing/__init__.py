"""Mutated files of every kind, given to the program, and what must never come of it."""
