"""Minimum spanning trees of points: the H0 persistence of their Vietoris-Rips filtration."""

from labelfree.trees.merges import Merges, merges
from labelfree.trees.spanning import Tree, spanning_tree

__all__ = ["Merges", "Tree", "merges", "spanning_tree"]
