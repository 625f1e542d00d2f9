"""Two classes of one name: what a file cannot tell apart is neither written nor read."""

import keras
import numpy as np
import pytest

from keras_attention import load, save_run
from keras_attention._validation import InputError
from keras_attention.runs.custom_objects import names_of, read_custom_objects
from tests.runs.archives import forge_config
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import LENGTH, TEXTS, saved

OTHER = """
import keras

class Scale(keras.layers.Layer):
    def call(self, x):
        return x * 100.0

@keras.saving.register_keras_serializable("theirs", name="Registered")
class Registered(Scale):
    pass

class Add(Scale):
    pass
"""
OWN = """
import keras
import scale_of_others
from scale_of_others import Scale as Theirs

class Scale(keras.layers.Layer):
    def call(self, x):
        return x * 0.01
"""
REGISTERED = """
import keras
from scale_of_others import Registered as Theirs

@keras.saving.register_keras_serializable("ours")
class Registered(keras.layers.Layer):
    def call(self, x):
        return x * 0.01

@keras.saving.register_keras_serializable("ours")
class Add(keras.layers.Layer):
    def call(self, x):
        return x + 1.0
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The folder of three modules, of which the first is what the others import."""
    folder = tmp_path_factory.mktemp("files")
    texts = {"scale_of_others": OTHER, "scale_of_mine": OWN, "scale_registered": REGISTERED}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    read_custom_objects(folder / "scale_of_others.py")
    return folder


def model_of(*layers):
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    x = keras.layers.Embedding(word_piece().vocabulary_size, 4)(inputs["token_ids"])
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x[:, 0]))


def save(model, run):
    save_run(model, word_piece(), run, LABELS, kind="classifier", max_sequence_length=LENGTH)


def refused(call):
    with pytest.raises(InputError) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said and said.endswith("and save the model again.")
    return said


def test_a_file_of_two_classes_of_one_name_is_refused(files):
    said = refused(lambda: read_custom_objects(files / "scale_of_mine.py"))
    assert said.startswith(f"{files}/scale_of_mine.py: two classes or functions are named Scale, ")
    assert "of scale_of_mine" in said and "of scale_of_others" in said


def test_a_model_of_two_classes_of_one_name_is_refused(files, tmp_path):
    theirs = read_custom_objects(files / "scale_of_others.py")["Scale"]

    class Scale(keras.layers.Layer):
        def call(self, x):
            return x * 0.01

    said = refused(lambda: save(model_of(Scale(), theirs()), tmp_path / "run"))
    assert "two classes are named 'Scale', of " in said and "'scale_of_others'" in said
    assert not list(tmp_path.iterdir())
    save(model_of(theirs()), tmp_path / "run")
    load(tmp_path / "run", custom_objects={"Scale": theirs})
    refused(lambda: load(tmp_path / "run", custom_objects={"a": Scale, "b": theirs}))
    # Whoever loads says what a name means.
    load(tmp_path / "run", custom_objects={"Scale": theirs, "b": Scale})

    def two(config):
        (found,) = [x for x in config["config"]["layers"] if x["class_name"] == "Scale"]
        config["config"]["other"] = {**found, "module": "scale_of_mine"}

    forge_config(tmp_path / "run", two)
    refused(lambda: load(tmp_path / "run", custom_objects={"Scale": theirs}))


def test_a_class_named_as_an_operation_of_keras_is_refused_beside_it(files, tmp_path):
    theirs = read_custom_objects(files / "scale_of_others.py")["Add"]
    both = model_of(theirs(), lambda x: x + 1.0)
    said = refused(lambda: save(both, tmp_path / "run"))
    assert "named 'Add'" in said and "'keras'" in said
    save(model_of(lambda x: x + 1.0), tmp_path / "run")
    said = refused(lambda: load(tmp_path / "run", custom_objects={"Add": theirs}))
    assert "named 'Add'" in said and "'scale_of_others'" in said


def test_registered_classes_are_told_apart(files, tmp_path):
    mine = read_custom_objects(files / "scale_registered.py")
    assert set(mine) == {"ours>Registered", "theirs>Registered", "ours>Add"}
    layers = [mine[name]() for name in sorted(mine)]
    model = model_of(*layers, lambda x: x + 1.0)
    save(model, tmp_path / "run")
    again = load(tmp_path / "run", custom_objects=mine)
    packed = word_piece().pack(TEXTS)
    np.testing.assert_allclose(again.model(packed), model(packed), rtol=1e-6)


def test_bare_names_are_those_of_one_class():
    class Mine(keras.layers.Layer):
        pass

    assert names_of([Mine, Mine]) == {"Mine": Mine}


@pytest.mark.parametrize("given", [[keras.layers.Dense], (), "Dense", {"Dense": 3}, {3: len}])
def test_custom_objects_that_are_no_dict_of_classes(once, given):
    said = "`custom_objects` must be a dict from names to classes or functions. Received: "
    with pytest.raises(ValueError, match=said):
        load(saved(once, "classifier"), custom_objects=given)
