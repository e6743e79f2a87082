"""Minimum spanning trees of points: the H0 persistence of their Vietoris-Rips filtration."""

from labelfree.trees.edges import Edges
from labelfree.trees.merges import Merges, merges
from labelfree.trees.spanning import spanning_tree

__all__ = ["Edges", "Merges", "merges", "spanning_tree"]
