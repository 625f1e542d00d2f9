"""A real environment without TensorFlow and Keras, in which artifacts of TFLite and ONNX run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_attention
from keras_attention.tasks.language_model.keras_generator import keras_generator
from tests.labelled_sentences import labelled_pairs, labelled_sentences
from tests.tasks.language_model.exported import (
    PROMPTS,
    greedy_artifact,
    small_gpt,
    tokenizer,
)
from tests.tasks.small_models import (
    KINDS,
    MAKERS,
    answers,
    assert_same_answers,
    exported,
    saved,
    texts_of,
)

HOME = Path(keras_attention.__file__).parents[1]
PACKAGES = ("numpy", "onnxruntime", "ai-edge-litert", "sentencepiece")
HEAVY = ("numpy", "keras", "tensorflow", "jax", "h5py", "sentencepiece", "onnxruntime")
TRANSLATED = ["three hundred and two", "", "on monday the third of may", "Quarter past nine, 17 €!"]


def run(*command, **options):
    """What a command prints; its own words if it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment, **options
    )
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-2000:]
    return process.stdout


@pytest.fixture(scope="session")
def python(once):
    """The interpreter of an environment with this package, its runtimes and the tokenizer's."""

    def make(folder):
        run(sys.executable, "-m", "venv", folder / "environment")
        python = folder / "environment" / "bin" / "python"
        install = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        run(*install, *PACKAGES)
        # From a copy: building writes into the directory of the source.
        source = folder / "source"
        source.mkdir()
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            (source / name).write_bytes((HOME / name).read_bytes())
        for path in (HOME / "keras_attention").rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                target = source / path.relative_to(HOME)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        run(*install, "--no-deps", source)

    return once("without_tensorflow", make) / "environment" / "bin" / "python"


def test_there_is_neither_tensorflow_nor_keras(python, tmp_path):
    code = """
import importlib.util, json
names = ("tensorflow", "keras", "tf_keras", "jax", "torch", "h5py", "matplotlib", "keras_attention")
found = {name: importlib.util.find_spec(name) is not None for name in names}
import keras_attention
print(json.dumps([found, keras_attention.__file__, keras_attention.__version__]))
"""
    found, path, version = json.loads(run(python, "-c", code, cwd=tmp_path))
    assert [name for name, there in found.items() if there] == ["keras_attention"]
    assert Path(path).is_relative_to(python.parents[1])  # what was installed, not the checkout
    assert version == keras_attention.__version__


# What an artifact answers in both runtimes: one process, which is most of what a test costs.
RUNTIMES = ("tflite", "onnx")
ANSWER = f"""
import json, sys
import keras_attention
artifact, texts, pairs = json.loads(sys.argv[1])
found = []
for runtime in {RUNTIMES}:
    model = keras_attention.load(artifact, runtime)
    if hasattr(model, "translate"):
        answers, scores = model.translate_with_scores(texts)
    else:
        answers = model.classify(texts, pairs)
        scores = model.probabilities(texts, pairs).tolist()
    found.append((answers, scores))
heavy = [n for n in ("tensorflow", "keras", "jax") if n in sys.modules]
print(json.dumps([found, heavy]))
"""


def answers_there(python, folder, artifact, texts, pairs=None):
    """`(answers, scores)` of each of `RUNTIMES`."""
    argument = json.dumps([str(artifact), texts, pairs])
    found, heavy = json.loads(run(python, "-c", ANSWER, argument, cwd=folder))
    assert heavy == [] and len(found) == len(RUNTIMES)
    return found


def test_translating(python, run_directory, artifact_directory, tmp_path):
    expected = keras_attention.load(run_directory).translate_with_scores(TRANSLATED)
    for found, scores in answers_there(python, tmp_path, artifact_directory, TRANSLATED):
        assert found == expected[0]
        assert scores == pytest.approx(expected[1], abs=1e-3)
        assert len(set(found)) > 2


def test_classifying(python, classifier_run_directory, classifier_artifact_directory, tmp_path):
    texts = labelled_sentences(12, seed=9)[0]
    classifier = keras_attention.load(classifier_run_directory)
    expected = classifier.classify(texts)
    probabilities = classifier.probabilities(texts).tolist()
    for found, scores in answers_there(python, tmp_path, classifier_artifact_directory, texts):
        assert found == expected
        for one, other in zip(scores, probabilities, strict=True):
            assert one == pytest.approx(other, abs=1e-4)
        assert len(set(found)) > 1


def test_classifying_pairs(
    python, pair_classifier_run_directory, pair_classifier_artifact_directory, tmp_path
):
    texts, others, _ = labelled_pairs(12, seed=9)
    expected = keras_attention.load(pair_classifier_run_directory).classify(texts, others)
    artifact = pair_classifier_artifact_directory
    for found, _ in answers_there(python, tmp_path, artifact, texts, others):
        assert found == expected


GENERATED = f"""
import json, sys
import keras_attention
artifact, texts = json.loads(sys.argv[1])
runtimes = []
for runtime in {RUNTIMES}:
    model = keras_attention.load(artifact, runtime)
    found = [row[0] for row in model.continuations(texts, 20, token_scores=True)]
    streamed = ["".join(model.stream(text, 20)) for text in texts]
    scores = [row.log_probabilities for row in found]
    runtimes.append([[row.text for row in found], streamed, scores])
heavy = [n for n in ("tensorflow", "keras", "jax") if n in sys.modules]
print(json.dumps([runtimes, heavy]))
"""


def test_generating(python, once, tmp_path):
    argument = json.dumps([str(greedy_artifact(once)), PROMPTS])
    runtimes, heavy = json.loads(run(python, "-c", GENERATED, argument, cwd=tmp_path))
    assert heavy == [] and len(runtimes) == len(RUNTIMES)
    model = keras_generator(small_gpt(), tokenizer())
    expected = [row[0] for row in model.continuations(PROMPTS, 20, token_scores=True)]
    for texts, streamed, scores in runtimes:
        assert texts == streamed == [row.text for row in expected]
        for found, row in zip(scores, expected, strict=True):
            assert found == pytest.approx(row.log_probabilities, abs=2e-3)


OUTPUTS = f"""
import json, sys
import keras_attention
artifact, texts = json.loads(sys.argv[1])
runtimes = []
for runtime in {RUNTIMES}:
    model = keras_attention.load(artifact, runtime)
    if hasattr(model, "generate"):
        found = model.generate(texts, max_new_tokens=8)
    else:
        names = [name for name in ("probabilities", "embed", "outputs") if hasattr(model, name)]
        found = [array.tolist() for array in getattr(model, names[0])(texts)]
    runtimes.append(found)
heavy = [n for n in ("tensorflow", "keras", "jax") if n in sys.modules]
print(json.dumps([runtimes, heavy]))
"""


@pytest.mark.parametrize("name", [name for name in MAKERS if KINDS[name] != "translator"])
def test_every_kind_of_encoder(python, name, once, tmp_path):
    argument = json.dumps([str(exported(once, name)), texts_of(name)])
    runtimes, heavy = json.loads(run(python, "-c", OUTPUTS, argument, cwd=tmp_path))
    assert heavy == [] and len(runtimes) == len(RUNTIMES)
    expected = answers(keras_attention.load(saved(once, name)), name)
    for found in runtimes:
        assert_same_answers(found, expected, tolerance=1e-4)


def test_the_command_line(python, run_directory, artifact_directory, tmp_path):
    command = python.parent / "keras-attention"
    expected = keras_attention.load(run_directory).translate(TRANSLATED)
    lines = "".join(f"{text}\n" for text in TRANSLATED)
    options = ("translate", "--model", artifact_directory, "--runtime")
    for runtime in ("onnx", "tflite"):
        output = run(command, *options, runtime, input=lines, cwd=tmp_path)
        assert output.split("\n") == [*expected, ""]
    assert "translator" in run(command, "inspect", artifact_directory, cwd=tmp_path)


def test_what_needs_tensorflow_says_so(python, run_directory, artifact_directory, tmp_path):
    command = python.parent / "keras-attention"
    for model, runtime, package in (
        (run_directory, "keras", "keras"),
        (artifact_directory, "tf_saved_model", "tensorflow"),
    ):
        process = subprocess.run(
            [command, "translate", "--model", model, "--runtime", runtime],
            input="three\n",
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        )
        assert (process.returncode, process.stdout) == (2, "")
        assert process.stderr.startswith("keras-attention: ") and package in process.stderr
        assert process.stderr.count("\n") == 1


# The normal environment


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import keras_attention", []),
        ("import keras_attention.tasks, keras_attention.runs, keras_attention.artifacts", []),
        ("from keras_attention.cli.main import make_parser; make_parser(['translate'])", []),
        # What runs an artifact takes and gives arrays.
        ("import keras_attention; keras_attention.load, keras_attention.export", ["numpy"]),
        ("import keras_attention; keras_attention.save_run", []),
    ],
)
def test_importing_imports_nothing_heavy(code, needed):
    code = f"import sys\n{code}\nprint([n for n in {HEAVY} if n in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == f"{needed}\n"


REGISTERED = """
{first}
{second}
names = ("MultiHeadAttention", "BertEncoder", "TransformerTranslator", "NoamSchedule")
missing = [n for n in names if keras.saving.get_registered_object(f"keras_attention>{{n}}") is None]
print(missing)
"""


@pytest.mark.parametrize("first", ["import keras_attention", "import keras"])
def test_keras_finds_the_classes_whichever_comes_first(first):
    second = {"import keras", "import keras_attention"} - {first}
    code = REGISTERED.format(first=first, second=second.pop())
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == "[]\n"
