"""Strings in, strings out, over anything that turns ids into ids."""

import warnings

from keras_attention._validation import TruncationWarning, require
from keras_attention.search_options import IMPOSSIBLE, int32_seeds
from keras_attention.text.tokenizers.sentencepiece_processor import pad


class TextTranslator:
    """Translates lists of strings in batches of similar length.

    Args:
        tokenizer: a `TranslationTokenizer`.
        run: function `(texts, rows) -> (list of lists of strings, scores (B, N))` for one batch:
            the N best translations of each text, the best first; `rows` holds the source ids of
            each text. Wrap a function of padded ids with `ids_to_ids`. One that samples is given
            `seed` too, (B,) int32.
        max_source_length: the longest source in tokens, END included; the rest is dropped.
        batch_size: number of sentences translated at a time.
        seed: integer, where `run` samples: the text at index i of a list has the seed `seed + i`,
            so that equal texts give different samples, and the batches nothing to them.

    >>> translator = keras_attention.load("artifact", runtime="onnx")
    >>> translator.translate(["three hundred and two"])
    ['dreihundertzwei']
    """

    def __init__(self, tokenizer, run, max_source_length, batch_size=32, seed=None):
        if seed is not None:
            int32_seeds(seed)  # that it is one shows here, not at the first text
        self.tokenizer = tokenizer
        self.run = run
        self.max_source_length = max_source_length
        self.batch_size = batch_size
        self.seed = seed

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
                row = [*row[: self.max_source_length - 1], row[-1]]  # END
            rows.append(row)
        return rows

    def translate_n_best(self, texts):
        """The best translations of each text with their scores, the best first.

        Args:
            texts: list of strings; a blank one gives an empty one, with score 0.

        Returns:
            A list of lists of pairs (translation, score): as many as the search was told to return,
            or fewer where there are no more.

        Raises:
            ValueError: if `texts` is one string, whose letters would be translated one by one.
        """
        require(not isinstance(texts, str), "texts", "a list of strings", texts=texts)
        rows = self.encode(texts)
        order = sorted(
            (i for i in range(len(texts)) if len(rows[i]) > 1 and texts[i].strip()),
            key=lambda i: len(rows[i]),
        )
        found = [[("", 0.0)] for _ in texts]
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            seeds = {}
            if self.seed is not None:
                seeds["seed"] = int32_seeds([self.seed + i for i in members])
            translations, scores = self.run(
                [texts[i] for i in members], [rows[i] for i in members], **seeds
            )
            for index, row, values in zip(members, translations, scores, strict=True):
                pairs = zip(row, map(float, values), strict=True)
                found[index] = [(text, score) for text, score in pairs if not score <= IMPOSSIBLE]
        return found

    def translate_with_scores(self, texts):
        """The translation of each text, and its score: the sum of its tokens' log-probabilities, or
        what the search's penalties make of it (`keras_attention.decoding.gnmt_score`).

        Args:
            texts: list of strings; a blank one gives an empty one, with score 0.

        Returns:
            Two lists.
        """
        best = [row[0] for row in self.translate_n_best(texts)]
        return [text for text, _ in best], [score for _, score in best]

    def translate(self, texts):
        """The translation of each text of a list of strings."""
        return self.translate_with_scores(texts)[0]


def ids_to_ids(tokenizer, generate):
    """`run` for `TextTranslator` from `generate(ids (B, S)[, seed (B,)]) -> (token_ids, score)`.

    Their shapes are (B, T) and (B,), or with several hypotheses (B, N, T) and (B, N).
    """

    def run(texts, rows, **seeds):
        token_ids, scores = generate(pad(rows), **seeds)
        if token_ids.ndim == 2:
            token_ids, scores = token_ids[:, None], scores[:, None]
        return [
            [tokenizer.target.decode(ids) for ids in several] for several in token_ids.tolist()
        ], scores

    return run
