"""Models that are run over data: what a checkpoint is, how its rows are made, and the file they are written to."""
