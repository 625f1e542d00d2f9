"""Sentence vectors: one vector for each text."""
