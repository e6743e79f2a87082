"""Rows from arrays: numpy files and matrices in memory."""
