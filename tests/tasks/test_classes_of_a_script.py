"""Classes of the script that trained, whose module Keras writes as null, load in other processes.

The script is run as a process of its own, so that its classes are of `__main__`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.runs.custom_objects import read_custom_objects
from tests.cli.command import run_here, run_process
from tests.runs.archives import forge_config, members_of
from tests.tasks.small_models import TEXTS

SCRIPT = '''
import json
import sys

import keras

import keras_attention
from keras_attention import models


class Shift(keras.layers.Layer):
    """Not registered; it has a weight and a setting."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.shift = self.add_weight(shape=(shape[-1],), name="shift")

    def call(self, x):
        return x * self.factor + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("mine", name="Moved")
class RegisteredShift(Shift):
    pass


@keras.saving.register_keras_serializable()
def squared(x):
    return x * x


class Mine(models.Classifier):
    """Not registered; its answers are not those of its base class."""

    def call(self, *args, **kwargs):
        return -super().call(*args, **kwargs)


@keras.saving.register_keras_serializable()
class RegisteredMine(Mine):
    pass


if __name__ == "__main__":
    from tests.runs.small_runs import LABELS, word_piece
    from tests.tasks.small_models import LENGTH, TEXTS, functional_classifier, small_encoder

    def layers():
        inputs = functional_classifier().inputs
        inputs = {x.name: keras.Input((None,), dtype="int32", name=x.name) for x in inputs}
        x = small_encoder().encode(inputs)
        x = RegisteredShift(0.5)(Shift(3.0)(x))
        x = keras.layers.Dense(5, activation=squared)(x[:, 0])
        return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x))

    made = {
        "layers": layers(),
        "model": Mine(small_encoder(), len(LABELS)),
        "registered-model": RegisteredMine(small_encoder(), len(LABELS)),
    }
    said = {}
    for name, model in made.items():
        for i, weight in enumerate(model.trainable_variables):
            weight.assign(weight + keras.random.normal(weight.shape, stddev=0.3, seed=i))
        run = f"{sys.argv[1]}/{name}"
        options = dict(kind="classifier", max_sequence_length=LENGTH)
        keras_attention.save_run(model, word_piece(), run, LABELS, **options)
        own = [Shift, RegisteredShift, squared, Mine, RegisteredMine]
        again = keras_attention.load(run, custom_objects={o.__name__: o for o in own})
        assert type(again.model) is type(model)
        packed = word_piece().pack(TEXTS)
        logits = keras.ops.convert_to_numpy(model(packed))
        said[name] = {"probabilities": keras.ops.softmax(logits).numpy().tolist()}
        assert (again.model(packed).numpy() == logits).all()
        said[name]["labels"] = [LABELS[i] for i in logits.argmax(-1)]
    with open(f"{sys.argv[1]}/said.json", "w") as file:
        json.dump(said, file)
'''
NAMES = ("layers", "model", "registered-model")
# The class of each that a loader that is given none refuses first.
FIRST = {"layers": "function", "model": "Mine", "registered-model": "RegisteredMine"}


@pytest.fixture(scope="session")
def trained(once):
    """The folder of the script train_mine.py and of what it wrote. Not to be changed."""

    def make(folder):
        (folder / "train_mine.py").write_text(SCRIPT)
        home = str(Path(keras_attention.__file__).parents[1])
        process = subprocess.run(
            [sys.executable, str(folder / "train_mine.py"), str(folder)],
            env={**os.environ, "PYTHONPATH": home},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr

    return once("trained by a script", make)


@pytest.fixture(scope="session")
def mine(trained):
    """What the script defines, by name."""
    return read_custom_objects(trained / "train_mine.py")


def said_by_the_script(trained, name):
    return json.loads((trained / "said.json").read_text())[name]


def own_of(run):
    """The serialized objects of a run's model that have a null module, by the names of classes."""
    found, waiting = {}, [json.loads(members_of(run)["config.json"])]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("module", "") is None and "registered_name" in value:
                found[value["class_name"]] = value["registered_name"]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def test_keras_writes_a_null_module_for_them(trained):
    assert own_of(trained / "layers") == {"Shift": "Shift", "RegisteredShift": "mine>Moved"}
    assert own_of(trained / "model") == {"Mine": "Mine"}
    assert own_of(trained / "registered-model") == {"RegisteredMine": "Custom>RegisteredMine"}


@pytest.mark.parametrize("name", NAMES)
def test_load_takes_the_classes(name, trained, mine):
    said = said_by_the_script(trained, name)
    by_class_name = {n: o for n, o in mine.items() if n == o.__name__}
    for given in (mine, by_class_name):
        loaded = keras_attention.load(trained / name, custom_objects=given)
        np.testing.assert_allclose(
            loaded.probabilities(TEXTS), said["probabilities"], rtol=1e-5, atol=1e-6
        )
        assert loaded.classify(TEXTS) == said["labels"]
    if name == "layers":
        assert {"Shift", "RegisteredShift"} <= {type(x).__name__ for x in loaded.model.layers}
    else:
        assert type(loaded.model).__name__ == FIRST[name]


@pytest.mark.parametrize("name", NAMES)
def test_commands_take_the_script(name, trained, tmp_path, capfd):
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    command = ["classify", "--model", trained / name, "--input", tmp_path / "in.txt"]
    status, output, error = run_here(capfd, *command, "--custom", trained / "train_mine.py")
    assert status == 0, error
    labels = [json.loads(line)["label"] for line in output.splitlines()]
    assert labels == said_by_the_script(trained, name)["labels"]
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (2, "")
    assert error.count("\n") == 1 and "--custom" in error and "Traceback" not in error


def test_a_process_of_its_own_takes_the_script(trained):
    custom = ["--custom", trained / "train_mine.py"]
    text = "".join(f"{text}\n" for text in TEXTS).encode()
    process = run_process("classify", "--model", trained / "layers", *custom, input=text)
    assert process.returncode == 0, process.stderr
    labels = [json.loads(line)["label"] for line in process.stdout.splitlines()]
    assert labels == said_by_the_script(trained, "layers")["labels"]


@pytest.mark.parametrize("name", NAMES)
def test_without_them_a_run_is_refused(name, trained, mine):
    others = {n: o for n, o in mine.items() if o.__name__ != FIRST[name]}
    if name == "layers":
        others = {"Shift": mine["Shift"]}
    for given in (None, others):
        with pytest.raises(InputError) as caught:
            keras_attention.load(trained / name, custom_objects=given)
        said = str(caught.value)
        assert "`custom_objects`" in said and "\n" not in said and len(said) < 600
        if name != "layers":
            assert said.endswith(f"Received: {FIRST[name]!r} of '__main__'")


def test_another_class_of_its_name_is_what_is_found(trained, mine):
    """Keras looks for nothing but what is given: whoever loads says what a name means."""

    class Shift(mine["Shift"]):
        pass

    given = {**mine, "Shift": Shift}
    loaded = keras_attention.load(trained / "layers", custom_objects=given)
    assert any(type(layer) is Shift for layer in loaded.model.layers)


@pytest.mark.parametrize("registered", ["Shift", "mine>Moved", "Lambda", None])
@pytest.mark.parametrize("with_module", [True, False])
def test_a_lambda_in_their_place_is_refused(registered, with_module, trained, mine, tmp_path):
    run = shutil.copytree(trained / "layers", tmp_path / "run")

    def change(config):
        (found,) = [x for x in config["config"]["layers"] if x["class_name"] == "Shift"]
        found.update(class_name="Lambda", registered_name=registered)
        found["config"] = {"name": found["name"], "function": ["4wEAAA==\n", None, None]}
        if not with_module:  # the older format
            del found["module"]

    forge_config(run, change)
    with pytest.raises(InputError, match="config.json: expected .* Received: 'Lambda' of "):
        keras_attention.load(run, custom_objects=mine)
