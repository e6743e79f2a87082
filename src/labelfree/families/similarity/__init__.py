"""How alike two representations of the same rows are."""
