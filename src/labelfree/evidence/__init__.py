"""Evidence: what is known of one data set, from which every metric is computed, and of a second one beside it."""
