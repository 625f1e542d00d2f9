"""A user's own layers, in a file of their own, and small models of them."""

import functools

import keras
import numpy as np

from keras_attention import save_run
from keras_attention.runs.custom_objects import read_custom_objects
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks import small_translator
from tests.tasks.small_models import LENGTH, functional_classifier, small_rnn_translator

# One class of each pair is registered, the other is not.
MY_LAYERS = '''
import keras
from keras import ops

from keras_attention.layers import BaseAttention, MultiHeadAttention, TransformerEncoder
from keras_attention.models import LessonEncoder


class Distance(BaseAttention):
    """Scores by distance; it is not registered."""

    def score(self, query, key):
        difference = ops.expand_dims(query, 2) - ops.expand_dims(key, 1)
        return -ops.sum(ops.square(difference), -1)


@keras.saving.register_keras_serializable(package="mine")
class RegisteredDistance(Distance):
    pass


class NearbyAttention(MultiHeadAttention):
    """Prefers what is near, by a slope that it learns."""

    def build(self, *shapes):
        super().build(*shapes)
        self.slope = self.add_weight(shape=(), initializer="ones", name="slope")

    def score(self, query, key, query_positions, key_positions):
        scores = super().score(query, key, query_positions, key_positions)
        far = ops.abs(ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2))
        far = ops.cast(far, scores.dtype)
        while len(far.shape) < len(scores.shape):
            far = ops.expand_dims(far, -3)
        return scores - ops.cast(self.slope, scores.dtype) * far


class NearbyBlock(TransformerEncoder):
    def make_attention(self, width, name):
        return NearbyAttention(
            self.num_heads, self.key_dim or width // self.num_heads, name=name
        )


@keras.saving.register_keras_serializable(package="mine", name="Block")
class RegisteredBlock(NearbyBlock):
    pass


@keras.saving.register_keras_serializable(package="mine")
class NearbyEncoder(LessonEncoder):
    @staticmethod
    def new_layers(*sizes):
        embedding, block = LessonEncoder.new_layers(*sizes)
        config = block.get_config()
        return embedding, NearbyBlock.from_config(config)
'''

MODELS = {
    "translator": lambda mine: small_rnn_translator(mine["Distance"]()),
    "registered translator": lambda mine: small_rnn_translator(mine["RegisteredDistance"]()),
    "classifier": lambda mine: functional_classifier(mine["NearbyBlock"](16, 2)),
    "registered classifier": lambda mine: functional_classifier(mine["RegisteredBlock"](16, 2)),
    "encoder": lambda mine: mine["NearbyEncoder"](
        word_piece().vocabulary_size, LENGTH, 2, 8, 8, name="encoder"
    ),
}
KINDS = {name: name.split()[-1] for name in MODELS}
# Which class a loader that is given none refuses first.
UNKNOWN = {
    "translator": "Distance",
    "registered translator": "RegisteredDistance",
    "classifier": "NearbyBlock",
    "registered classifier": "RegisteredBlock",
    "encoder": "NearbyEncoder",
}


def write_my_layers(folder):
    """The file my_layers.py."""
    (folder / "my_layers.py").write_text(MY_LAYERS)


@functools.cache
def my_layers(path):
    """What it defines, by name."""
    return read_custom_objects(path)


@functools.cache
def custom_model(name, path):
    """One of `MODELS` with weights that give different texts different answers."""
    keras.utils.set_random_seed(6)
    model = MODELS[name](my_layers(path))
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


def save_custom_run(name, path, run):
    """Its run."""
    if KINDS[name] == "translator":
        save_run(custom_model(name, path), small_translator.tokenizer(), run)
    elif KINDS[name] == "classifier":
        options = dict(kind="classifier", max_sequence_length=LENGTH)
        save_run(custom_model(name, path), word_piece(), run, LABELS, **options)
    else:
        save_run(custom_model(name, path), word_piece(), run)
