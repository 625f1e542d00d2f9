"""Strings in, strings out, over anything that turns ids into ids."""

import warnings

from keras_attention._validation import require
from keras_attention.text.sentencepiece_processor import pad
from keras_attention.token_ids import END_ID


class TruncationWarning(UserWarning):
    """A text is longer than the model's maximum; the message names its line."""


class TextTranslator:
    """Translates lists of strings in batches of similar length.

    Args:
        tokenizer: a `TranslationTokenizer`.
        run: function `(texts, rows) -> (texts, scores)` for one batch; `rows` holds the source ids
            of each text. Wrap a function of padded ids with `ids_to_ids`.
        max_source_length: the longest source in tokens, END included; the rest is dropped.
        batch_size: number of sentences translated at a time.

    >>> translator = keras_attention.load("artifact", runtime="onnx")
    >>> translator.translate(["three hundred and two"])
    ['dreihundertzwei']
    """

    def __init__(self, tokenizer, run, max_source_length, batch_size=32):
        self.tokenizer = tokenizer
        self.run = run
        self.max_source_length = max_source_length
        self.batch_size = batch_size

    def encode(self, texts):
        """The source ids of each text; what is too long is cut, with a warning of its line."""
        rows = []
        for line, text in enumerate(texts, start=1):
            row = self.tokenizer.source.encode(text)
            if len(row) > self.max_source_length:
                warnings.warn(
                    f"line {line}: {len(row):,} tokens are more than the model's maximum of "
                    f"{self.max_source_length:,}; only the first are translated.",
                    TruncationWarning,
                    stacklevel=3,
                )
                row = [*row[: self.max_source_length - 1], END_ID]
            rows.append(row)
        return rows

    def translate_with_scores(self, texts):
        """The translation of each text, and its score: the sum of its tokens' log-probabilities.

        Args:
            texts: list of strings; a blank one gives an empty one, with score 0.

        Returns:
            Two lists.

        Raises:
            ValueError: if `texts` is one string, whose letters would be translated one by one.
        """
        require(not isinstance(texts, str), "texts", "a list of strings", texts=texts)
        rows = self.encode(texts)
        order = sorted(
            (i for i in range(len(texts)) if len(rows[i]) > 1 and texts[i].strip()),
            key=lambda i: len(rows[i]),
        )
        translations, scores = [""] * len(texts), [0.0] * len(texts)
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            found = self.run([texts[i] for i in members], [rows[i] for i in members])
            for index, text, score in zip(members, *found, strict=True):
                translations[index], scores[index] = text, float(score)
        return translations, scores

    def translate(self, texts):
        """The translation of each text of a list of strings."""
        return self.translate_with_scores(texts)[0]


def ids_to_ids(tokenizer, generate):
    """`run` for `TextTranslator` from `generate(ids (N, S)) -> (token_ids (N, T), score (N,))`."""

    def run(texts, rows):
        token_ids, scores = generate(pad(rows))
        return [tokenizer.target.decode(row) for row in token_ids.tolist()], scores

    return run
