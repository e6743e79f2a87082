"""Topological class separability: do the rows fall into classes?"""
