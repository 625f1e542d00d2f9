"""Files and built-in corpora to rows of text."""
