"""Models that run: what goes in, the features that come out, and the file that holds them."""
