"""Rows from tables: Parquet files, data frames, Arrow."""
