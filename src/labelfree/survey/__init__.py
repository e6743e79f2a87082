"""One pass over a data set: blocks in, evidence and an account of the rows out."""
