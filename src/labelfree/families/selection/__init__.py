"""Choosing among candidates on the same rows: agreement with structure that the other candidates' features show."""
