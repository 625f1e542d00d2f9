"""The four token ids that every vocabulary, model, loss and artifact of this package agrees on."""

PADDING_ID = 0
UNKNOWN_ID = 1
START_ID = 2
END_ID = 3
