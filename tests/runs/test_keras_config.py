"""Configs name known classes, what is given, and no others; null modules are those of scripts."""

import importlib
import inspect

import keras
import pytest
from keras.src import ops

from keras_attention._validation import InputError
from keras_attention.runs.keras_config import (
    ANY_OPERATION,
    KERAS_CLASSES,
    KERAS_OPERATIONS,
    check_config,
)
from tests.runs.test_keras_archive import HOSTILE, layer


class Shift:
    """What somebody defined in a script."""


def squared(x):
    return x * x


GIVEN = {"Shift": Shift, "mine>Shift": Shift, "squared": squared}
MODEL = layer("keras.src.models.functional", "Functional", {}, "Functional")


def check(found, given=GIVEN, any_own=False):
    config = {**MODEL, "config": {"layers": [found]}}
    check_config("config.json", config, 3, given, any_own)


def refused(found, given=GIVEN, any_own=False):
    with pytest.raises(InputError) as caught:
        check(found, given, any_own)
    said = str(caught.value)
    assert said.startswith("config.json: expected ") and "\n" not in said
    return said


OF_A_SCRIPT = {
    "class": layer(None, "Shift", {}, "Shift"),
    "registered class": layer(None, "Shift", {}, "mine>Shift"),
    "function": layer("builtins", "function", "squared", "function"),
    "function of no module": layer(None, "function", "squared", "squared"),
}


@pytest.mark.parametrize("name", OF_A_SCRIPT)
def test_classes_of_a_script_are_known_if_they_are_given(name):
    check(OF_A_SCRIPT[name])
    refused(OF_A_SCRIPT[name], {})
    refused(OF_A_SCRIPT[name], {"other": Shift, "mine>Other": Shift})
    check(OF_A_SCRIPT[name], {}, any_own=True)


def test_what_is_not_given_is_named_as_its_author_knows_it():
    assert refused(OF_A_SCRIPT["class"], {}).endswith("Received: 'Shift' of '__main__'")
    said = refused(OF_A_SCRIPT["function"], {})
    assert "Received: the function 'squared' of 'builtins'; functions of a file count only" in said


# Each with a null module, under no name, its own, or one that is given.
NULL_MODULE = {
    f"{found['class_name']} as {name}": {**found, "module": None, "registered_name": name}
    for found in (
        layer(None, "Lambda", {"function": ["4wEAAA==", None, None]}),
        layer(None, "Lambda", {"function": {"class_name": "__lambda__", "config": {}}}),
        layer(None, "__lambda__", {"value": "4wEAAA=="}),
        layer(None, "TFSMLayer", {"filepath": "/tmp/evil"}),
        layer(None, "__typespec__", []),
        layer(None, "function", "system"),
        layer(None, "Dense", {"units": 3}),
        layer(None, "Maxout", {}),
    )
    for name in (None, found["class_name"], "Shift", "mine>Shift", "squared")
}


@pytest.mark.parametrize("name", NULL_MODULE)
def test_a_null_module_admits_nothing_else(name):
    refused(NULL_MODULE[name])
    refused(NULL_MODULE[name], {})


@pytest.mark.parametrize("name", OF_A_SCRIPT)
def test_without_the_entry_of_a_module_the_format_is_an_older_one(name):
    older = {k: v for k, v in OF_A_SCRIPT[name].items() if k != "module"}
    refused(older)
    refused(older, any_own=True)


def test_a_module_is_a_name_even_where_keras_does_not_look_at_it():
    for module in (1, [1], {}):
        refused({"class_name": "__tuple__", "module": module, "config": []})


def test_a_class_needs_the_name_under_which_it_is_looked_for():
    refused(layer(None, "Shift", {}, None))
    refused(layer(None, "Shift", {}, 3))
    refused(layer(None, ["Shift"], {}, "Shift"))
    refused(layer(0, "Shift", {}, "Shift"))


# `load` and `save_run` use one checker: what nobody could give passes neither.
NEVER = {
    **{
        name: HOSTILE[name]
        for name in (
            "lambda layer",
            "lambda",
            "saved model",
            "torch",
            "array of long strings",
            "tensor of strings",
            "array of no type",
            "no strings",
        )
    },
    "layer by its name": layer("keras.layers", "Lambda", {}, "Lambda"),
    "activation": {"value": ["4wEAAAAAAAAAAA==\n", None, None]},
    "bytes": {"class_name": "__bytes__", "config": {"value": "a"}},
    "typespec": layer("tensorflow", "__typespec__", [], None),
    "ours under another name": layer("keras_attention.layers", "Maxout", {}, "evil>Maxout"),
    "map": layer("keras.src.ops.core", "Map", {}, "Map"),
}


@pytest.mark.parametrize("name", NEVER)
def test_a_saved_model_that_nothing_could_load(name):
    refused(NEVER[name])
    said = refused(NEVER[name], {}, any_own=True)
    assert "expected classes of keras_attention, your own, or those of Keras that run" in said
    assert "a class of your own can do the same. Received: " in said


# Operations


def operations(module):
    """The names of a module's own operations."""
    found = vars(getattr(ops, module)).values()
    classes = [c for c in found if inspect.isclass(c) and issubclass(c, ops.operation.Operation)]
    return [c for c in classes if c.__module__ == f"keras.src.ops.{module}"]


def takes_functions(operation):
    """Whether an argument's name says so."""
    names = set()
    for method in (operation.__init__, operation.call):
        names.update(inspect.signature(method).parameters)
    said = ("f", "fun", "function", "cond", "body", "body_fun", "branches", "true_fn", "false_fn")
    return bool(names & set(said))


def test_operations_that_take_functions_are_not_admitted():
    taking = {
        c.__name__
        for m in ("core", "linalg", "math", "nn")
        for c in operations(m)
        if takes_functions(c)
    }
    assert taking >= {"Map", "Scan", "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond"}
    assert taking >= {"VectorizedMap", "JVP"}
    admitted = {n for names in KERAS_OPERATIONS.values() for n in names}
    assert not taking & admitted
    for module in ANY_OPERATION:
        assert not [c for c in operations(module.split(".")[-1]) if takes_functions(c)]
    for name in taking:
        for module in ("keras.src.ops.core", "keras.src.ops.linalg"):
            refused(layer(module, name, {}, name))


def test_operations_that_are_admitted_are_there():
    for module, names in KERAS_OPERATIONS.items():
        there = {c.__name__ for c in operations(module.split(".")[-1])}
        assert set(names) <= there
        for name in names:
            check(layer(module, name, {}, name))
            refused(layer(module, name, {}, "evil>" + name))
            refused(layer("keras.src.ops.image", name, {}, name))


def test_classes_of_keras_that_are_admitted_take_no_functions():
    for module, names in KERAS_CLASSES.items():
        for name in names:
            found = getattr(importlib.import_module(module), name, keras.models.Model)
            parameters = inspect.signature(found.__init__).parameters
            assert not {"function", "fn", "filepath", "module", "call_fn"} & set(parameters)


def test_ellipsis_is_a_structure():
    check({"class_name": "__ellipsis__", "config": {}})


# What no run may hold, of all that Keras makes public
REFUSED = {
    "takes functions": {
        *("keras.layers.Lambda", "keras.metrics.MeanMetricWrapper"),
        *("keras.optimizers.MultiOptimizer", "keras.optimizers.OptimizerMap"),
    },
    "holds what another framework runs": {
        *("keras.layers.TFSMLayer", "keras.layers.TorchModuleWrapper"),
        *("keras.layers.JaxLayer", "keras.layers.FlaxLayer"),
    },
    "may read a vocabulary from a file": {
        *("keras.layers.StringLookup", "keras.layers.IntegerLookup"),
        "keras.layers.TextVectorization",
    },
    "computes nothing": {
        *("keras.layers.Wrapper", "keras.constraints.Constraint"),
        "keras.optimizers.schedules.LearningRateSchedule",
    },
}
MODULES = (
    *("constraints", "initializers", "layers", "losses", "metrics", "optimizers"),
    *("optimizers.schedules", "regularizers"),
)


def test_every_class_of_keras_is_admitted_or_refused_for_a_reason():
    """By the names under which Keras writes them: an alias is written as what it stands for."""
    from keras.src import api_export

    refused_names = set().union(*REFUSED.values())
    names = {
        name
        for value, name in api_export.REGISTERED_OBJS_TO_NAMES.items()
        if inspect.isclass(value) and name.rpartition(".")[0].removeprefix("keras.") in MODULES
    }
    assert refused_names <= names and len(names) > 200
    walked = {f"keras.layers.{name}" for name, c in vars(keras.layers).items() if is_layer(c)}
    assert walked & names == {name for name in names if name.startswith("keras.layers.")}
    for name in sorted(names - refused_names):
        module, _, class_name = name.rpartition(".")
        check(layer(module, class_name, {}, None))
    for name in refused_names:
        module, _, class_name = name.rpartition(".")
        refused(layer(module, class_name, {}, None))
        refused(layer(module, class_name, {}, None), {}, any_own=True)


def is_layer(value):
    return inspect.isclass(value) and issubclass(value, keras.Layer)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras_attention.layers.maxout", "Nonesuch"),
        ("keras_attention.cli.main", "console"),
        ("keras_attention.files", "Path"),
        ("keras_attention.runs.training_run", "TrainingRun"),
        ("keras_attention.no_such_module", "Maxout2"),
    ],
)
def test_a_name_of_ours_that_nobody_has_registered(module, name):
    """Keras would import the module, and look for the name in it."""
    assert name in refused(layer(module, name, {}, f"keras_attention>{name}"))


@pytest.mark.parametrize("module", ANY_OPERATION)
@pytest.mark.parametrize("name", ["Nonesuch", "KerasTensor", "Operation", "ABC", "NumPy"])
def test_an_operation_that_keras_has_not(module, name):
    refused(layer(module, name, {}, name))


@pytest.mark.parametrize("name", ["Nonesuch", "Initializer2", "Any"])
def test_an_initializer_that_keras_has_not(name):
    refused(
        {"module": "keras.initializers", "class_name": name, "config": {}, "registered_name": None}
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite(value):
    """Of a layer they make every answer NaN; a class of the user's own may have a use for them."""
    of_keras = layer("keras.layers", "LayerNormalization", {"epsilon": value})
    ours = layer("keras_attention.layers.feed_forward", "FeedForward", {"dropout": [1.0, value]})
    ours["registered_name"] = "keras_attention>FeedForward"
    inner = layer(None, "Shift", {"inner": of_keras}, "Shift")
    for found, field in ((of_keras, "epsilon"), (ours, "dropout"), (inner, "epsilon")):
        with pytest.raises(InputError, match=f"json: `{field}` must be a finite number. Received"):
            check(found)
    check(layer(None, "Shift", {"most": value}, "Shift"))
    node = {"args": [{"class_name": "__keras_tensor__", "config": {}}, value], "kwargs": {}}
    graph = {**layer("keras.layers", "Dense", {"units": 3}), "inbound_nodes": [node]}
    array = {"class_name": "__numpy__", "config": {"dtype": "float32", "value": [value]}}
    check(graph)
    check(layer("keras.layers", "Dense", {"units": array}))


@pytest.mark.parametrize("field", ["num_layers", "num_decoder_layers", "num_encoder_layers"])
@pytest.mark.parametrize("count", [4, 10**6, 2**31 - 1])
def test_more_layers_than_there_are_weights(field, count):
    """Making them alone would take for ever."""
    check(layer("keras.layers", "Dense", {field: 3}))
    with pytest.raises(InputError, match=f"`{field}` must be at most 3, for there are no more wei"):
        check(layer("keras.layers", "Dense", {field: count}))
