"""A classifier of strings, by any function from ids to scores."""

from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, require, require_texts, well_formed
from keras_attention.artifacts.formats import format_of
from keras_attention.problem_types import REGRESSION, output_name, problem_type_of
from keras_attention.tasks.classification.stated_problem_type import own_problem_type
from keras_attention.tasks.encode_texts import encode_texts
from keras_attention.tasks.encoder_inputs import encoder_inputs
from keras_attention.tasks.unknown_tokens import UnknownTokens
from keras_attention.text.tokenizers import load_encoder_tokenizer
from keras_attention.token_ids import pad


class TextClassifier:
    """Classifies lists of strings, or of pairs of strings, in batches of similar length.

    Args:
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        run: function `(texts, pairs, token_ids, segment_ids) -> scores (B, C)` for one batch:
            lists of B strings (`pairs` is None where single texts are classified) and of their
            ids. Wrap a function of padded ids with `ids_to_probabilities`.
        labels: list of the C labels' names.
        max_length: the longest text in tokens, specials included; the rest is dropped.
        takes_pairs: whether it classifies pairs.
        batch_size: number of texts classified at a time.
        problem_type: what the scores are: one of `keras_attention.problem_types.PROBLEM_TYPES`, or
            None for what suits the number of labels.

    Attributes:
        unknown: the `UnknownTokens` of the texts so far.

    >>> classifier = keras_attention.load("artifact", runtime="onnx")
    >>> classifier.classify(["a gripping, funny film"])
    ['positive']
    """

    def __init__(
        self,
        tokenizer,
        run,
        labels,
        max_length,
        takes_pairs=False,
        batch_size=32,
        problem_type=None,
    ):
        self.tokenizer = tokenizer
        self.run = run
        self.labels = list(labels)
        self.max_length = max_length
        self.takes_pairs = takes_pairs
        self.batch_size = batch_size
        self.problem_type = problem_type_of(problem_type, len(self.labels))
        self.unknown = UnknownTokens()

    def encode(self, texts, pairs=None):
        """The `Encoded` ids of the texts; how many were cut is said in one warning."""
        encoded = encode_texts(self.tokenizer, texts, pairs, self.max_length, stacklevel=3)
        self.unknown.add(encoded.token_ids, self.tokenizer.special_ids.unknown)
        return encoded

    def probabilities(self, texts, pairs=None):
        """The probability of every label: (N, C) float32.

        Each row has the sum 1, but where any number of labels may hold at once
        (`problem_type` "multi_label_classification"): then each is a probability of its own.

        Args:
            texts: list of N strings.
            pairs: list of N strings for a classifier of pairs, otherwise None.

        Raises:
            ValueError: if `texts` is not a list of strings, or `pairs` is not what the classifier
                takes.
            InputError: if the model is a regression.
        """
        self._require_labels("probabilities")
        return self.scores(texts, pairs)

    def scores(self, texts, pairs=None):
        """`probabilities`, or the numbers of a regression: (N, C) float32.

        Args, Raises: those of `probabilities`, but that a regression is taken.
        """
        require_texts("texts", texts)
        if pairs is not None:
            require_texts("pairs", pairs)
        require(
            (pairs is not None) == self.takes_pairs,
            "pairs",
            "given, for this classifies pairs" if self.takes_pairs else "None, for single texts",
            pairs=None if pairs is None else f"{len(pairs):,} texts",
        )
        if pairs is not None:
            require(
                len(pairs) == len(texts),
                "pairs",
                "as many as `texts`",
                pairs=len(pairs),
                texts=len(texts),
            )
        encoded = self.encode(texts, pairs)
        order = sorted(range(len(texts)), key=lambda i: len(encoded.token_ids[i]))
        found = np.zeros((len(texts), len(self.labels)), "float32")
        for start in range(0, len(order), self.batch_size):
            members = order[start : start + self.batch_size]
            values = self.run(
                [texts[i] for i in members],
                None if pairs is None else [pairs[i] for i in members],
                [encoded.token_ids[i] for i in members],
                [encoded.segment_ids[i] for i in members],
            )
            if values.shape[-1] != len(self.labels):
                raise InputError(
                    f"The model tells {values.shape[-1]} labels apart, of which "
                    f"{len(self.labels)} are named."
                )
            found[members] = values
        return found

    def classify(self, texts, pairs=None):
        """The most probable label of each text: a list of N strings.

        Raises:
            InputError: if the model is a regression.
        """
        self._require_labels("labels")
        best = self.probabilities(texts, pairs).argmax(axis=1)
        return [self.labels[index] for index in best]

    def _require_labels(self, wanted):
        if self.problem_type == REGRESSION:
            raise InputError(
                f"The model is a regression: it gives numbers and no {wanted}. Call `scores`."
            )


def keras_classifier(model, tokenizer, labels, max_length, takes_pairs=False, problem_type=None):
    """A `TextClassifier` that runs `model`, which becomes its `.model`.

    Args:
        model: a Keras model with the inputs of an encoder, whose output is logits (B, C).
        tokenizer: of an encoder, such as a `WordPieceTokenizer`.
        labels: names of its labels.
        max_length: the longest text in tokens.
        takes_pairs: whether it classifies pairs of texts.
        problem_type: of a model that does not say its own: see `TextClassifier`.
    """
    problem_type = own_problem_type(model, problem_type)
    classify = compiled_classify(model, tokenizer.padding_id, takes_pairs, problem_type)
    run = ids_to_probabilities(classify, tokenizer.padding_id, takes_pairs)
    classifier = TextClassifier(
        tokenizer, run, labels, max_length, takes_pairs, problem_type=problem_type
    )
    classifier.model = model
    return classifier


def compiled_classify(model, padding_id, takes_pairs=False, problem_type=None):
    """`classify(token_ids[, segment_ids]) -> scores` as a function of arrays, traced once.

    Args:
        model: a Keras model with the inputs of an encoder, whose output is logits (B, C).
        padding_id: of the vocabulary: it is masked.
        takes_pairs: whether there are segment ids.
        problem_type: of a model that does not say its own.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    def scores(token_ids, segment_ids=None):
        return class_scores(model, padding_id, token_ids, segment_ids, problem_type)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)] * (2 if takes_pairs else 1)
        scores = tf.function(scores, input_signature=signature, autograph=False)
    return lambda **ids: keras.ops.convert_to_numpy(scores(**ids))


def class_scores(model, padding_id, token_ids, segment_ids=None, problem_type=None):
    """The probability of every class, or the numbers of a regression (B, C), from ids alone: what
    runs and artifacts share.

    Args:
        model: a `ClassifierHead`, or any Keras model whose inputs are some of "token_ids",
            "segment_ids" and "padding_mask" and whose output is logits.
        padding_id: the id that is masked.
        token_ids, segment_ids: (B, T) int32; segments are 0 where they are None.
        problem_type: of a model that is no `ClassifierHead`: see `TextClassifier`.
    """
    from keras import ops

    from keras_attention.models import ClassifierHead
    from keras_attention.models.classifier_head import scores_of_logits

    if isinstance(model, ClassifierHead):
        return model.scores(token_ids, padding_id, segment_ids)
    inputs = encoder_inputs(
        model,
        token_ids=token_ids,
        segment_ids=ops.zeros_like(token_ids) if segment_ids is None else segment_ids,
        padding_mask=ops.cast(ops.not_equal(token_ids, padding_id), "int32"),
    )
    logits = model(inputs, training=False)
    return scores_of_logits(logits, problem_type_of(problem_type, logits.shape[-1]))


def artifact_classifier(directory, runtime, manifest):
    """A `TextClassifier` that runs one of an artifact's formats.

    Args:
        directory: path of the artifact.
        runtime: name of the format.
        manifest: the artifact's manifest, a dict.

    Raises:
        InputError: if the artifact does not hold that format.
    """
    fmt = format_of(directory, runtime, manifest)
    tokenizer = load_encoder_tokenizer(Path(directory) / "tokenizer")
    takes_pairs, labels = manifest["takes_pairs"], manifest["labels"]
    problem_type = problem_type_of(manifest.get("problem_type"), len(labels))
    output = output_name(problem_type)
    if fmt.takes_text:
        run = strings_to_probabilities(fmt.signature(directory, "serving_default"), output)
    else:
        signature = fmt.signature(directory, "ids", [output])
        run = ids_to_probabilities(
            lambda **ids: signature(**ids)[output], tokenizer.padding_id, takes_pairs
        )
    return TextClassifier(
        tokenizer, run, labels, manifest["max_length"], takes_pairs, problem_type=problem_type
    )


def strings_to_probabilities(classify, output="probabilities"):
    """`run` for `TextClassifier` from the signature `serving_default`, which gives `output`."""

    def run(texts, pairs, token_ids, segment_ids):
        inputs = {"text": [well_formed(text).encode() for text in texts]}
        if pairs is not None:
            inputs["text_pair"] = [well_formed(text).encode() for text in pairs]
        return classify(**inputs)[output]

    return run


def ids_to_probabilities(classify, padding_id, takes_pairs=False):
    """`run` for `TextClassifier` from `classify(token_ids (B, T)[, segment_ids (B, T)])`."""

    def run(texts, pairs, token_ids, segment_ids):
        inputs = {"token_ids": pad(token_ids, value=padding_id)}
        if takes_pairs:
            inputs["segment_ids"] = pad(segment_ids, value=0)
        return classify(**inputs)

    return run
