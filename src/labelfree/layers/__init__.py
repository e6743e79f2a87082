"""A checkpoint as layers: which of its tensors are weight matrices, and what each of them says.

The package is not called `weights` because `labelfree.weights` is the function.
"""
