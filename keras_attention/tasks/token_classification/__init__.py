"""Classification of every token of a text."""
