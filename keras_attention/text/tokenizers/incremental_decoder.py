"""The text of ids while they come, without half characters."""

import codecs

# The name of the way in which SentencePiece replaces what is no UTF-8: each byte by itself.
EACH_BYTE = "keras_attention.each_byte"
codecs.register_error(EACH_BYTE, lambda error: ("\ufffd" * (error.end - error.start), error.end))


class IncrementalDecoder:
    """Ids to text, some at a time: the parts joined are the text of all ids.

    A character that the ids so far hold only a part of is kept back until it is whole, or until
    it is clear that it never will be.

    Args:
        token_bytes: function from an id to the bytes that it stands for.
        errors: how bytes that are no UTF-8 are replaced: "replace" for each part of a character by
            one U+FFFD, or `EACH_BYTE`.

    >>> decoder = ByteTokenizer().incremental_decoder()
    >>> [decoder.decode([byte]) for byte in "né".encode()]
    ['n', '', 'é']
    >>> decoder.decode([], final=True)
    ''
    """

    def __init__(self, token_bytes, errors="replace"):
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)

    def decode(self, token_ids, final=False):
        """The text that these ids complete.

        Args:
            token_ids: list of ids, or an integer array (T,).
            final: whether no more will come. Then what is left of a character becomes U+FFFD.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        data = b"".join(map(self._token_bytes, token_ids))
        return self._decoder.decode(data, final)
