"""Encoders without a head: a vector for every token of a text."""
