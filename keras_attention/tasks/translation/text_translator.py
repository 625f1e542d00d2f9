"""A translator of strings, by any function from ids to ids."""

import dataclasses
from pathlib import Path

from keras_attention._validation import InputError, require, warn_of_truncation, well_formed
from keras_attention.artifacts.formats import format_of
from keras_attention.json_file import is_size, require_fields
from keras_attention.search_options import (
    GREEDY,
    IMPOSSIBLE,
    SamplingOptions,
    SearchOptions,
    int32_seeds,
    require_decoding_names,
)
from keras_attention.text.tokenizers.translation_tokenizer import TranslationTokenizer
from keras_attention.token_ids import pad

OUTPUTS = ("token_ids", "score")  # of the signature `ids`
METHODS = {"greedy": SearchOptions, "beam": SearchOptions, "sampling": SamplingOptions}


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
                warn_of_truncation(
                    f"line {line}: {len(row):,} tokens are more than the model's maximum of "
                    f"{self.max_source_length:,}; only the first are translated.",
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


def keras_translator(model, tokenizer, search=GREEDY, seed=0):
    """A `TextTranslator` that runs `model`, a `keras_attention.models.Translator`.

    Args:
        model: the Keras model; it becomes `.model`.
        tokenizer: a `TranslationTokenizer`.
        search: `keras_attention.decoding.SearchOptions`, greedy by default, or `SamplingOptions`;
            it becomes `.search`.
        seed: of the first text where it samples: see `TextTranslator`.
    """
    run = ids_to_ids(tokenizer, compiled_generate(model, search))
    seed = seed if search.is_sampling else None
    translator = TextTranslator(tokenizer, run, model.max_sequence_length, seed=seed)
    translator.model, translator.search = model, search
    return translator


def compiled_generate(model, options=GREEDY):
    """The search as a function of arrays, traced once for all batch sizes and lengths."""
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    from keras_attention.decoding import search

    def generate(source_ids, seed=None):
        return search(model, source_ids, options, seed=seed)

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
    if fmt.takes_text:
        run = strings_to_strings(fmt.signature(directory, "serving_default"))
    else:
        outputs = fmt.signature(directory, "ids", OUTPUTS)

        def generate(**ids):
            found = outputs(**ids)
            return [found[name] for name in OUTPUTS]

        run = ids_to_ids(tokenizer, generate)
    return TextTranslator(tokenizer, run, manifest["decoding"]["max_source_length"], seed=seed)


def strings_to_strings(translate):
    """`run` for `TextTranslator` from the signature `serving_default`."""

    def run(texts, rows, **seeds):
        outputs = translate(text=[well_formed(text).encode() for text in texts], **seeds)
        found = outputs["text"].reshape(len(texts), -1)
        return [[t.decode() for t in row] for row in found], outputs["score"].reshape(found.shape)

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
    fields = [field.name for field in dataclasses.fields(options)]
    wanted = f"as {decoding['method']} has {', '.join(fields)}"
    require_fields(decoding, {field: (wanted, lambda value: True) for field in fields}, name)
    try:
        options(**{field: decoding[field] for field in fields})
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def decoding_of_artifact(path, decoding, seed=None, **search):
    """The seed with which an artifact samples; None where it searches.

    Args:
        path: the artifact.
        decoding: of its manifest, a dict.
        seed, search: those of `load`.

    Raises:
        InputError: if the artifact cannot do what is asked for: it was fixed by its export.
    """
    require_decoding_names(search)
    method = decoding["method"]
    is_sampling = method == "sampling"
    own = {field.name: decoding[field.name] for field in dataclasses.fields(METHODS[method])}
    search = dict(search)
    if search.pop("sample", is_sampling) != is_sampling or (seed is not None and not is_sampling):
        raise InputError(
            f"{path} was exported with the method {method}, not "
            f"{'searching' if is_sampling else 'sampling'}: what an artifact does is fixed. Export "
            f"it again {'without' if is_sampling else 'with'} `sample`."
        )
    for name, value in search.items():
        if name not in own:
            raise InputError(
                f"{path} was exported with the method {method}, not {name} {value}: what an "
                "artifact does is fixed. Export it again with "
                f"{'' if is_sampling else '`sample` and '}`{name}`."
            )
    asked = METHODS[method](**{**own, **search})  # out of range is out of range here too
    for name, value in asked.to_dict().items():
        fewer = name == "n_best" and value < own[name]  # the first of those that it gives
        if value != own[name] and not fewer:
            raise InputError(
                f"{path} was exported with {name} {own[name]}, not {value}: what an artifact does "
                f"is fixed. Export it again with {'`sample` and ' if is_sampling else ''}`{name}`."
            )
    if not is_sampling:
        return None
    return 0 if seed is None else seed
