"""Documents as files: their form and JSON, writing them whole or not at all, counts and numbers in sentences."""
