"""A tiny, untrained model of every kind with its tokenizer: runs and artifacts of seconds."""

import functools
import json

import keras
import numpy as np

from keras_attention import layers
from keras_attention.models import (
    GPT,
    BertEncoder,
    Classifier,
    MaskedLM,
    RNNTranslator,
    SentenceEncoder,
    TokenClassifier,
)
from keras_attention.text.tokenizers import language_model_tokenizer
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks import small_translator

LENGTH = 24  # tokens of a text
TEXTS = ["three hundred and two", "on monday", "a", "monday, and three"]
SENTENCES = small_translator.TEXTS


def small_encoder():
    """One layer of width 8."""
    return BertEncoder(
        vocabulary_size=word_piece().vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=8,
        max_sequence_length=LENGTH,
    )


def small_rnn_translator(attention=None):
    """GRUs of 8 units; `attention` is the decoder's."""
    return RNNTranslator(
        small_translator.tokenizer().source.vocabulary_size,
        layers.RecurrentEncoder(4, name="encoder"),
        layers.RecurrentDecoder(
            keras.layers.GRUCell(8), attention or layers.AdditiveAttention(8), name="decoder"
        ),
        embedding_dim=8,
        max_sequence_length=48,
    )


def byte_tokenizer():
    """The tokenizer of the small language model."""
    return language_model_tokenizer("bytes")()


def small_gpt():
    """One layer of width 8 over bytes."""
    tokenizer = byte_tokenizer()
    return GPT(
        tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        max_sequence_length=48,
        special_ids=tokenizer.special_ids,
    )


def functional_classifier(block=None):
    """A stock Keras model of this package's layers; `block` is its transformer block."""
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    embedding = layers.TokenAndPositionEmbedding(word_piece().vocabulary_size, LENGTH, 8)
    mask = keras.ops.not_equal(inputs["padding_mask"], 0)
    x = (block or layers.TransformerEncoder(16, 2))(
        embedding(inputs["token_ids"]), padding_mask=mask
    )
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x[:, 0]))


MAKERS = {
    "translator": lambda: small_translator.small_translator(max_sequence_length=48),
    "rnn translator": small_rnn_translator,
    "classifier": lambda: Classifier(small_encoder(), len(LABELS), labels=LABELS),
    "functional classifier": functional_classifier,
    "masked-lm": lambda: MaskedLM(small_encoder()),
    "token-classifier": lambda: TokenClassifier(small_encoder(), len(LABELS), labels=LABELS),
    "encoder": small_encoder,
    "embedding": lambda: SentenceEncoder(small_encoder()),
    "language-model": small_gpt,
}
KINDS = {name: name.split()[-1] for name in MAKERS}  # name -> kind of its run
# What `save_run` and `export` must be told beside the model and the tokenizer.
TOLD = {
    "functional classifier": dict(
        kind="classifier", labels=LABELS, config=dict(max_sequence_length=LENGTH)
    )
}


@functools.cache
def small_model(name):
    """The model of one of `MAKERS`, whose answers differ from text to text."""
    keras.utils.set_random_seed(6)
    model = MAKERS[name]()
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


def tokenizer_of(name):
    """Its tokenizer."""
    if KINDS[name] == "language-model":
        return byte_tokenizer()
    return small_translator.tokenizer() if KINDS[name] == "translator" else word_piece()


def save_small_run(name, path, **options):
    """A run of one of `MAKERS`; returns its path."""
    from keras_attention import save_run

    told = dict(TOLD.get(name, {}))
    config = told.pop("config", {})
    save_run(small_model(name), tokenizer_of(name), path, **{**told, **config, **options})
    return path


def saved(once, name):
    """The run of the model `name`, which all tests share. Not to be changed: copy it."""
    return once(f"saved {name}", lambda folder: save_small_run(name, folder / "run")) / "run"


def exported(once, name):
    """Its artifact in all formats. Not to be changed: copy it."""
    from keras_attention import export

    run = saved(once, name)
    make = lambda folder: export(run, folder / "artifact", examples=texts_of(name))  # noqa: E731
    return once(f"exported {name}", make) / "artifact"


def texts_of(name):
    """Texts that it reads."""
    return SENTENCES if KINDS[name] == "translator" else TEXTS


def answers(user, name):
    """What the object of `load` says of these texts: strings, or arrays."""
    texts = texts_of(name)
    if KINDS[name] == "translator":
        return user.translate(texts)
    if KINDS[name] == "language-model":
        return user.generate(texts, max_new_tokens=8)
    if KINDS[name] == "classifier":
        return user.probabilities(texts)
    return user.embed(texts) if KINDS[name] == "embedding" else user.outputs(texts)


def assert_same_answers(found, expected, tolerance=1e-5):
    """Strings are equal; arrays to a tolerance, one array a text or one in all."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, str):
            assert one == other
        else:
            np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)


def config_of(run):
    """config.json of a run."""
    return json.loads((run / "config.json").read_text())
