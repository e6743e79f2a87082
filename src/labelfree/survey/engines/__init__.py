"""A pass over a data set by workers elsewhere: what they sum, how it is put together, what is kept of it."""
