"""A user's own subclassed layer becomes a run, loads and exports; what is not given is refused."""

import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.models.encoder import INPUTS
from keras_attention.runs.custom_objects import read_custom_objects
from keras_attention.tasks import task_of
from tests.cli.command import run_here, run_process
from tests.runs.archives import forge_config
from tests.runs.small_runs import LABELS, word_piece
from tests.runs.test_keras_archive import HOSTILE, layer
from tests.tasks.custom_layers import (
    KINDS,
    MODELS,
    UNKNOWN,
    custom_model,
    my_layers,
    save_custom_run,
    write_my_layers,
)
from tests.tasks.small_models import answers, assert_same_answers, config_of, texts_of
from tests.text.tokenizers.pure_process import run_without_tensorflow

# The kinds of these names are those of `small_models`.
SMALL_NAMES = {"translator": "rnn translator", "classifier": "classifier", "encoder": "encoder"}


@pytest.fixture(scope="session")
def layers_file(once):
    """my_layers.py."""
    return once("my_layers", write_my_layers) / "my_layers.py"


@pytest.fixture(scope="session")
def custom_run(once, layers_file):
    """`custom_run(name)`: the run of one of `MODELS`. Not to be changed: copy it."""

    def find(name):
        make = lambda folder: save_custom_run(name, layers_file, folder / "run")  # noqa: E731
        return once(f"custom {name}", make) / "run"

    return find


@pytest.fixture(scope="session")
def custom_artifact(custom_run, layers_file, artifact_of):
    """`custom_artifact(name)`: its artifact in all formats. Not to be changed: copy it."""

    def find(name):
        options = dict(examples=texts_of(SMALL_NAMES[KINDS[name]]))
        options |= dict(custom_objects=my_layers(layers_file))
        return artifact_of(custom_run(name), f"exported custom {name}", **options)

    return find


@pytest.mark.parametrize("name", MODELS)
def test_a_run_answers_as_the_model_in_memory(name, custom_run, layers_file):
    run, mine = custom_run(name), my_layers(layers_file)
    user = keras_attention.load(run, custom_objects=mine)
    assert type(user.model) is type(custom_model(name, layers_file))
    task, kind = task_of(KINDS[name]), SMALL_NAMES[KINDS[name]]
    expected = task.wrap(custom_model(name, layers_file), user.tokenizer, config_of(run))
    assert_same_answers(answers(user, kind), answers(expected, kind), tolerance=1e-6)


def test_its_own_name_alone_is_enough(custom_run, layers_file):
    mine = my_layers(layers_file)
    for name, known in (
        ("translator", "Distance"),
        ("registered translator", "RegisteredDistance"),
        ("registered classifier", "RegisteredBlock"),
    ):
        if KINDS[name] == "translator":
            keras_attention.load(custom_run(name), custom_objects={known: mine[known]})
    block = {name: mine[name] for name in ("NearbyBlock", "NearbyAttention")}
    keras_attention.load(custom_run("classifier"), custom_objects=block)


@pytest.mark.parametrize("name", MODELS)
def test_without_its_class_a_run_is_refused(name, custom_run, layers_file):
    run, mine = custom_run(name), my_layers(layers_file)
    others = {n: c for n, c in mine.items() if UNKNOWN[name] not in (n, c.__name__)}
    for given in (None, {}, others):
        with pytest.raises(InputError) as caught:
            keras_attention.load(run, custom_objects=given)
        said = str(caught.value)
        assert said.startswith(f"{run}/model.keras, config.json: expected ")
        assert "\n" not in said and len(said) < 600
        assert f"Received: {UNKNOWN[name]!r} of 'my_layers'" in said
        assert "`custom_objects`" in said


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("registered translator", marks=pytest.mark.slow),
        "classifier",
        pytest.param("encoder", marks=pytest.mark.slow),
    ],
)
def test_its_artifact_needs_the_file_no_more(name, custom_run, custom_artifact, layers_file):
    run, mine = custom_run(name), my_layers(layers_file)
    kind = SMALL_NAMES[KINDS[name]]
    artifact = custom_artifact(name)
    expected = answers(keras_attention.load(run, custom_objects=mine), kind)
    for runtime in ("tf_saved_model", "tflite", "onnx"):
        found = answers(keras_attention.load(artifact, runtime), kind)
        assert_same_answers(found, expected, tolerance=1e-4)


def test_its_artifact_runs_where_there_is_no_keras(custom_run, custom_artifact, layers_file):
    run, mine = custom_run("classifier"), my_layers(layers_file)
    artifact = custom_artifact("classifier")
    code = f"""
import json, keras_attention
texts = {texts_of("classifier")!r}
names = ("onnx", "tflite")
print(json.dumps([keras_attention.load({str(artifact)!r}, n).classify(texts) for n in names]))
"""
    expected = keras_attention.load(run, custom_objects=mine).classify(texts_of("classifier"))
    assert json.loads(run_without_tensorflow(code)) == [expected, expected]


def test_a_model_in_memory_exports_without_a_run(layers_file, tmp_path):
    from tests.tasks import small_translator

    model = custom_model("translator", layers_file)
    keras_attention.export(
        model,
        tmp_path / "artifact",
        small_translator.tokenizer(),
        formats=("onnx",),
        examples=small_translator.TEXTS,
    )
    assert (tmp_path / "artifact" / "model.onnx").exists()


def test_a_file_may_import_what_is_beside_it(tmp_path):
    """In a process of its own, as the path of modules grows by the file's folder."""
    (tmp_path / "own_scale.py").write_text("SCALE = 3.0\n")
    (tmp_path / "own_layers").mkdir()
    (tmp_path / "own_layers" / "__init__.py").write_text("from own_layers.far import Far, plain\n")
    (tmp_path / "own_layers" / "far.py").write_text(
        "import keras\n"
        "from own_scale import SCALE\n"
        "class Far(keras.layers.Layer):\n"
        "    pass\n"
        "class NoLayer:\n"
        "    pass\n"
        "def plain(x):\n"
        "    return x\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "def scaled(x):\n"
        "    return SCALE * x\n"
    )
    (tmp_path / "given.py").write_text(
        "import keras\n"
        "from keras.layers import Dense\n"
        "from keras_attention.layers import FeedForward\n"
        "from own_layers import Far, plain\n"
        "from own_layers.far import NoLayer, scaled\n"
    )
    code = (
        "from keras_attention.runs.custom_objects import read_custom_objects\n"
        f"print(*sorted(read_custom_objects({str(tmp_path / 'given.py')!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["Far", "mine>scaled", "scaled"]


# The command line


def one_sentence(error):
    """What a command that failed with status 2 said."""
    assert error.startswith("keras-attention: ") and error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_commands_take_the_file(custom_run, layers_file, tmp_path, capfd):
    custom = ["--custom", layers_file]
    (tmp_path / "in.txt").write_text("three hundred\n\non monday\n")
    mine = my_layers(layers_file)

    translator = custom_run("translator")
    command = ["translate", "--model", translator, "--input", tmp_path / "in.txt"]
    status, output, error = run_here(capfd, *command, *custom)
    assert status == 0, error
    loaded = keras_attention.load(translator, custom_objects=mine)
    texts = ["three hundred", "", "on monday"]
    assert output.split("\n")[:-1] == loaded.translate(texts)
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (2, "")
    assert "Distance" in one_sentence(error) and "--custom" in error

    classifier = custom_run("registered classifier")
    command = ["classify", "--model", classifier, "--input", tmp_path / "in.txt"]
    status, output, error = run_here(capfd, *command, *custom)
    assert status == 0, error
    labels = keras_attention.load(classifier, custom_objects=mine).classify(texts)
    assert [json.loads(line)["label"] for line in output.splitlines()] == labels

    (tmp_path / "data.tsv").write_text("text\tlabel\nthree\tgood\non monday\tbad\n")
    command = ["evaluate", "classifier", "--model", classifier, "--data", tmp_path / "data.tsv"]
    status, output, error = run_here(capfd, *command, *custom)
    assert status == 0, error
    assert json.loads(output)["texts"] == 2
    assert run_here(capfd, *command)[0] == 2

    for name in MODELS:
        status, output, error = run_here(capfd, "inspect", custom_run(name), *custom)
        assert status == 0, error
        assert output.startswith(f"run, {KINDS[name]}")
        status, output, error = run_here(capfd, "inspect", custom_run(name))
        assert (status, output) == (2, "")
        assert UNKNOWN[name] in one_sentence(error)


def test_the_file_in_a_process_of_its_own(custom_run, layers_file):
    command = ["translate", "--model", custom_run("translator")]
    text = b"three hundred\n"
    process = run_process(*command, "--custom", layers_file, input=text)
    assert process.returncode == 0, process.stderr
    user = keras_attention.load(custom_run("translator"), custom_objects=my_layers(layers_file))
    assert process.stdout.decode() == f"{user.translate(['three hundred'])[0]}\n"


def test_plot_and_export_take_the_file(custom_run, layers_file, tmp_path, capfd):
    custom = ["--custom", layers_file]
    plot = ["plot", "attention", "--text", "three hundred", "--output", tmp_path / "a.png"]
    status, _, error = run_here(capfd, *plot, "--model", custom_run("translator"), *custom)
    assert status == 0, error
    assert (tmp_path / "a.png").stat().st_size > 1000
    encoder = [*plot, "--force", "--model", custom_run("encoder"), *custom]
    status, _, error = run_here(capfd, *encoder)
    assert status == 0, error
    # A stock model has no attention that could be asked for.
    status, _, error = run_here(
        capfd, *plot, "--force", "--model", custom_run("classifier"), *custom
    )
    assert status == 2 and "attention" in one_sentence(error)

    command = ["export", "--model", custom_run("classifier"), "--output", tmp_path / "artifact"]
    command += ["--formats", "onnx", "--quiet"]
    assert run_here(capfd, *command)[0] == 2
    assert not (tmp_path / "artifact").exists()
    status, _, error = run_here(capfd, *command, *custom)
    assert status == 0, error
    assert keras_attention.load(tmp_path / "artifact").classify(["three"])


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("missing.py", None, "there is no such file of custom layers."),
        ("layers.txt", "x = 1", "expected a Python file (.py) of custom layers."),
        ("broken.py", "def f(:", "cannot be run (SyntaxError: "),
        ("fails.py", "raise ValueError('no\\nway')", "cannot be run (ValueError: no way)."),
        ("exits.py", "raise SystemExit(0)", "cannot be run (SystemExit: 0)."),
        ("json.py", "x = 1", "another module is named json; rename the file."),
    ],
)
def test_files_that_cannot_be_used(name, text, sentence, custom_run, tmp_path, capfd):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_custom_objects(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {sentence}")
    command = ["inspect", custom_run("translator"), "--custom", tmp_path / name]
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (2, "")
    assert sentence in one_sentence(error)
    assert json.dumps([1]) == "[1]"  # the standard library's is still there


def test_only_classes_and_registered_functions_are_taken(tmp_path):
    (tmp_path / "many_things.py").write_text(
        "import keras, os\n"
        "from keras_attention.layers import BaseAttention\n"
        "class Mine(BaseAttention): pass\n"
        "def delete_everything(x): os.removedirs('/')\n"
        "@keras.saving.register_keras_serializable(package='many')\n"
        "def squared(x): return x * x\n"
        "NUMBER = 3\n"
    )
    found = read_custom_objects(tmp_path / "many_things.py")
    assert sorted(found) == ["Mine", "many>squared", "squared"]


@pytest.mark.parametrize("given", [{"Distance": 3}, {"Distance": "os.system"}])
def test_custom_objects_that_are_none(given, custom_run):
    with pytest.raises(ValueError, match="`custom_objects` must be a dict from names to classes"):
        keras_attention.load(custom_run("translator"), custom_objects=given)


# What stays refused although other classes are given


def hostile_configs():
    """`HOSTILE`, and the same under the names of what is given."""
    yield from HOSTILE.items()
    for name in ("Distance", "mine>RegisteredDistance"):
        yield f"lambda as {name}", layer("builtins", "__lambda__", {"value": "4wEAAA=="}, name)
        yield f"layer of a lambda as {name}", layer("keras.layers", "Lambda", {}, name)
        yield f"file as {name}", layer("keras.layers", "TFSMLayer", {"filepath": "/tmp/x"}, name)
        yield f"system as {name}", layer("os", "function", "system", name)
        yield f"typespec as {name}", layer("tensorflow", "__typespec__", [], name)
        older = layer(None, "Lambda", {"function": ["4wEAAA==", None, None]}, name)
        yield f"older lambda as {name}", {k: v for k, v in older.items() if k != "module"}
    yield "function of builtins", layer("builtins", "function", "eval", "function")
    yield "class without a registered name", layer("keras.layers", "Distance", {}, None)
    yield "a class of another name", layer("my_layers", "TorchModuleWrapper", {}, "Distance")


ALL_HOSTILE = dict(hostile_configs())


@pytest.mark.parametrize("place", ["dtype", "deep", "whole", "within the user's layer"])
@pytest.mark.parametrize("name", ALL_HOSTILE)
def test_hostile_configs_beside_custom_objects(name, place, custom_run, layers_file, tmp_path):
    run = shutil.copytree(custom_run("translator"), tmp_path / "run")
    hostile = ALL_HOSTILE[name]

    def change(config):
        if place == "whole":
            return {**hostile, "compile_config": None}
        if place == "within the user's layer":
            own = config["config"]["decoder"]["config"]["attention"]
            assert own["class_name"] == "Distance"
            own["config"]["dropout"] = hostile
        elif place == "dtype":
            config["config"]["dtype"] = hostile
        else:
            config["config"]["deep"] = [{"a": [hostile]}]

    forge_config(run, change)
    with pytest.raises(InputError) as caught:
        keras_attention.load(run, custom_objects=my_layers(layers_file))
    said = str(caught.value)
    assert "model.keras, config.json: expected " in said and "Received: " in said
    assert "\n" not in said and len(said) < 600


@pytest.mark.parametrize("config", [{}, {"class_name": None}, {"module": "os", "config": {}}])
def test_configs_of_no_class(config, custom_run, layers_file, tmp_path):
    run = shutil.copytree(custom_run("translator"), tmp_path / "run")
    forge_config(run, lambda _: config or {"a": 1})
    with pytest.raises(InputError, match="config.json: expected a model of keras_attention"):
        keras_attention.load(run, custom_objects=my_layers(layers_file))


def test_a_module_is_never_imported_for_its_name(custom_run, layers_file, tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("import os; os.environ['EVIL_RAN'] = '1'")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("EVIL_RAN", raising=False)
    run = shutil.copytree(custom_run("translator"), tmp_path / "run")

    def change(config):
        config["config"]["decoder"]["config"]["attention"]["module"] = "evil_module"

    forge_config(run, change)  # the user's class is found by its name, wherever it is said to be
    user = keras_attention.load(run, custom_objects=my_layers(layers_file))
    assert type(user.model.decoder.attention).__name__ == "Distance"
    assert "EVIL_RAN" not in os.environ
    with pytest.raises(InputError):
        keras_attention.load(run)
    assert "EVIL_RAN" not in os.environ


def test_weights_of_the_users_own_are_kept(custom_run, layers_file):
    user = keras_attention.load(custom_run("classifier"), custom_objects=my_layers(layers_file))
    slopes = [w for w in user.model.weights if w.path.endswith("slope")]
    assert len(slopes) == 1
    expected = custom_model("classifier", layers_file).weights
    (slope,) = [w for w in expected if w.path.endswith("slope")]
    np.testing.assert_array_equal(slopes[0].numpy(), slope.numpy())
    assert float(slope.numpy()) != 1


def test_a_functional_model_with_constants(tmp_path):
    """Arrays and tensors of numbers in a graph are data."""
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
    x = keras.layers.Embedding(word_piece().vocabulary_size, 3)(inputs["token_ids"])
    x = x[:, 0] * np.array([1.0, 2.0, 3.0], "float32") + keras.ops.ones((1, 3))
    model = keras.Model(inputs, x)
    options = dict(kind="classifier", max_sequence_length=9)
    keras_attention.save_run(model, word_piece(), tmp_path / "run", LABELS, **options)
    loaded = keras_attention.load(tmp_path / "run").model
    packed = word_piece().pack(["three", "monday"])
    np.testing.assert_array_equal(loaded(packed).numpy(), model(packed).numpy())
