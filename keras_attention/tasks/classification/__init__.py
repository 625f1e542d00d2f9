"""Classification of texts, or of pairs of texts."""
