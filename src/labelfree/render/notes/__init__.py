"""What stands beside the numbers of a family."""
