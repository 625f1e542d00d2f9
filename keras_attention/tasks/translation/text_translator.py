"""A translator of strings, by any function from ids to ids."""

import dataclasses
from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, require_texts, warn_of_truncation, well_formed
from keras_attention.artifacts.formats import format_of
from keras_attention.json_file import is_size, require_fields
from keras_attention.search_options import (
    GREEDY,
    IMPOSSIBLE,
    LATER,
    METHODS,
    fields_of_manifest,
    int32_seeds,
)
from keras_attention.tasks.unknown_tokens import UnknownTokens
from keras_attention.text.tokenizers.translation_tokenizer import TranslationTokenizer
from keras_attention.token_ids import pad

OUTPUTS = ("token_ids", "score")  # of the signature `ids`, the second one unless left out


class TextTranslator:
    """Translates lists of strings in batches of similar length.

    Args:
        tokenizer: a `TranslationTokenizer`.
        run: function `(texts, rows) -> (list of lists of strings, scores (B, N))` for one batch:
            the N best translations of each text, the best first; `rows` holds the source ids of
            each text. Wrap a function of padded ids with `ids_to_ids`. One that samples is given
            `seed` too, (B,) int32. One that computes no scores gives NaN for each.
        max_source_length: the longest source in tokens, END included; the rest is dropped.
        batch_size: number of sentences translated at a time.
        seed: integer, where `run` samples: the text at index i of a list has the seed `seed + i`,
            so that equal texts give different samples, and the batches nothing to them.
        has_scores: whether `run` computes scores.

    Attributes:
        unknown: the `UnknownTokens` of the texts so far.

    >>> translator = keras_attention.load("artifact", runtime="onnx")
    >>> translator.translate(["three hundred and two"])
    ['dreihundertzwei']
    """

    def __init__(
        self, tokenizer, run, max_source_length, batch_size=32, seed=None, has_scores=True
    ):
        if seed is not None:
            int32_seeds(seed)  # that it is one shows here, not at the first text
        self.tokenizer = tokenizer
        self.run = run
        self.max_source_length = max_source_length
        self.batch_size = batch_size
        self.seed = seed
        self.has_scores = has_scores
        self.unknown = UnknownTokens()

    def encode(self, texts):
        """The source ids of each text; what is too long is cut, with a warning of its line."""
        rows = []
        for line, text in enumerate(texts, start=1):
            row = self.tokenizer.source.encode(text)
            if len(row) > self.max_source_length:
                warn_of_truncation(
                    f"line {line}: {len(row):,} tokens are more than the model's maximum of "
                    f"{self.max_source_length:,}; only the first are translated.",
                    stacklevel=3,
                )
                row = [*row[: self.max_source_length - 1], row[-1]]  # END
            rows.append(row)
        self.unknown.add(rows, self.tokenizer.source.special_ids.unknown)
        return rows

    def translate_n_best(self, texts):
        """The best translations of each text with their scores, the best first.

        Args:
            texts: list of strings; a blank one gives an empty one, with score 0.

        Returns:
            A list of lists of pairs (translation, score): as many as the search was told to return,
            or fewer where there are no more. Scores are NaN where they are not computed.

        Raises:
            ValueError: if `texts` is not a list of strings.
        """
        require_texts("texts", texts)
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

        Raises:
            InputError: if the artifact was exported without scores.
        """
        if not self.has_scores:
            raise InputError(
                "This artifact gives no scores: it was exported with `without_scores`. Export it "
                "again without that option."
            )
        best = [row[0] for row in self.translate_n_best(texts)]
        return [text for text, _ in best], [score for _, score in best]

    def translate(self, texts):
        """The translation of each text of a list of strings."""
        return [row[0][0] for row in self.translate_n_best(texts)]


def keras_translator(model, tokenizer, search=GREEDY, seed=0):
    """A `TextTranslator` that runs `model`, a `keras_attention.models.Translator`.

    Args:
        model: the Keras model; it becomes `.model`.
        tokenizer: a `TranslationTokenizer`.
        search: `keras_attention.decoding.SearchOptions`, greedy by default, or `SamplingOptions`;
            it becomes `.search`.
        seed: of the first text where it samples: see `TextTranslator`.
    """
    if search.to_dict().get("shortlist") and tokenizer.shortlist is None:
        raise InputError(
            "`shortlist` needs a run that has learned one: train the translator with `shortlist` "
            "50, for example."
        )
    generate = compiled_generate(model, search, tokenizer.shortlist, tokenizer.special_ids.end)
    run = ids_to_ids(tokenizer, generate)
    seed = seed if search.is_sampling else None
    translator = TextTranslator(tokenizer, run, model.max_sequence_length, seed=seed)
    translator.model, translator.search = model, search
    return translator


def compiled_generate(model, options=GREEDY, shortlist=None, end=None):
    """The search as a function of arrays, traced once for all batch sizes and lengths.

    `end` is the tokenizer's, for a model with several: see `one_end`.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    from keras_attention.decoding import search
    from keras_attention.tasks.translation.one_end import one_end

    def generate(source_ids, seed=None):
        found = search(model, source_ids, options, seed=seed, shortlist=shortlist)
        return one_end(found, model.special_ids, end)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        if options.is_sampling:
            signature.append(tf.TensorSpec((None,), tf.int32))
        generate = tf.function(generate, input_signature=signature, autograph=False)

    def run(source_ids, **seeds):
        outputs = generate(source_ids, **seeds)
        return tuple(keras.ops.convert_to_numpy(outputs[name]) for name in OUTPUTS)

    return run


def artifact_translator(directory, runtime, manifest, seed=None):
    """A `TextTranslator` that runs one of an artifact's formats.

    Args:
        directory: path of the artifact.
        runtime: name of the format.
        manifest: the artifact's manifest, a dict.
        seed: of the first text where it samples: see `TextTranslator`.

    Raises:
        InputError: if the artifact does not hold that format.
    """
    fmt = format_of(directory, runtime, manifest)
    tokenizer = TranslationTokenizer.load(Path(directory) / "tokenizer")
    decoding = manifest["decoding"]
    has_scores = not decoding.get("without_scores", False)
    if fmt.takes_text:
        run = strings_to_strings(fmt.signature(directory, "serving_default"))
    else:
        names = OUTPUTS if has_scores else OUTPUTS[:1]
        outputs = fmt.signature(directory, "ids", names)

        def generate(**ids):
            found = outputs(**ids)
            token_ids = found["token_ids"]
            return token_ids, found.get("score", _no_scores(token_ids.shape[:-1]))

        run = ids_to_ids(tokenizer, generate)
    longest = decoding["max_source_length"]
    return TextTranslator(tokenizer, run, longest, seed=seed, has_scores=has_scores)


def _no_scores(shape):
    return np.full(shape, np.nan, np.float32)


def strings_to_strings(translate):
    """`run` for `TextTranslator` from the signature `serving_default`."""

    def run(texts, rows, **seeds):
        outputs = translate(text=[well_formed(text).encode() for text in texts], **seeds)
        found = outputs["text"].reshape(len(texts), -1)
        scores = outputs.get("score", _no_scores(found.shape)).reshape(found.shape)
        return [[t.decode() for t in row] for row in found], scores

    return run


def ids_to_ids(tokenizer, generate):
    """`run` for `TextTranslator` from `generate(source_ids (B, S)[, seed (B,)])`.

    It gives token ids (B, T) and scores (B,), or with several hypotheses (B, N, T) and (B, N).

    Args:
        tokenizer: a `TranslationTokenizer`, whose padding fills the rows of `source_ids`.
        generate: the function of ids.
    """
    padding_id = tokenizer.source.special_ids.padding

    def run(texts, rows, **seeds):
        token_ids, scores = generate(source_ids=pad(rows, value=padding_id), **seeds)
        if token_ids.ndim == 2:
            token_ids, scores = token_ids[:, None], scores[:, None]
        return [
            [tokenizer.target.decode(ids) for ids in several] for several in token_ids.tolist()
        ], scores

    return run


def require_decoding(name, decoding):
    """Raises `InputError` unless `decoding`, of a manifest, says how its artifact decodes.

    Args:
        name: of the manifest, for the message.
        decoding: a dict.
    """
    known = {
        "method": (f"one of {', '.join(METHODS)}", lambda value: value in tuple(METHODS)),
        "max_source_length": ("a positive integer", is_size),
    }
    require_fields(decoding, known, name)
    options = METHODS[decoding["method"]]
    fields = [field.name for field in dataclasses.fields(options) if field.name not in LATER]
    wanted = f"as {decoding['method']} has {', '.join(fields)}"
    require_fields(decoding, {field: (wanted, lambda value: True) for field in fields}, name)
    try:
        options(**fields_of_manifest(decoding))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
