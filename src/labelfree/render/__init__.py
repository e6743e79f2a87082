"""A report in, text or a picture out."""
