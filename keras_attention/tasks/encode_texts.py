"""Texts to ids, with one warning of those that an encoder cuts."""

from keras_attention._validation import warn_of_truncation


def encode_texts(tokenizer, texts, pairs, max_length, stacklevel=1):
    """The `Encoded` ids of the texts; one warning says how many were cut.

    Args:
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        texts: list of N strings.
        pairs: list of N strings, the second texts, or None.
        max_length: the longest text in tokens, special ones included; the rest is dropped.
        stacklevel: whose line the warning names, counted from the function that calls this one.
    """
    encoded = tokenizer.encode(texts, pairs, max_length)
    cut = [line for line, truncated in enumerate(encoded.truncated, start=1) if truncated]
    if cut:
        warn_of_truncation(
            f"{len(cut):,} of {len(texts):,} texts are longer than the model's maximum of "
            f"{max_length:,} tokens (the first in line {cut[0]:,}); only their beginnings are "
            "read.",
            stacklevel=stacklevel + 1,
        )
    return encoded
