"""Stops as tokens: after which sequences of ids a graph ends a text."""

from keras_attention._validation import InputError


def stop_ids(tokenizer, stops):
    """The sequences of ids after which a text ends in one of `stops`.

    A text may hold a stop in other tokens than these, as when a token begins before it. Then the
    graph goes on, and the host cuts the text all the same: see `stop_text`.

    Args:
        tokenizer: of the model.
        stops: strings.

    Returns:
        A tuple of tuples of integers.

    Raises:
        InputError: if the vocabulary cannot spell a stop, so that it can never come.
    """
    found = []
    encoded = tokenizer.encode(list(stops), add_start=False)
    for stop, row in zip(stops, encoded.token_ids, strict=True):
        if tokenizer.special_ids.unknown is not None and tokenizer.special_ids.unknown in row:
            raise InputError(
                f"The stop {stop!r} can never come: the vocabulary lacks characters of it."
            )
        # A tokenizer may begin a text with what stands for a blank.
        named = tokenizer.token_id(stop)
        if named is not None:
            found.append((named,))
        elif row and stop in tokenizer.decode(row, continues=True):
            found.append(tuple(row))
    return tuple(found)
