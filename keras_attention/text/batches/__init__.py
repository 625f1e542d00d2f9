"""Rows to batches of few static shapes."""
