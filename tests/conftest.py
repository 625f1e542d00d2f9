"""What the tests of text, export and command line share: one small training, one export."""

import gc
import os
import warnings
from pathlib import Path

import hypothesis
import pytest

import keras_attention  # noqa: F401 (its environment, before any test imports TensorFlow)
from tests.made_once import made_once
from tests.process_per_file import refuse_operations, run_in_child, tensorflow_has_threads

# The first example of a test may compile, and machines are shared: nothing is measured in seconds.
hypothesis.settings.register_profile(
    "search", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# A test passes here if it passes there; `make test-slow` draws other examples each time.
hypothesis.settings.register_profile(
    "keras_attention", hypothesis.settings.get_profile("search"), derandomize=True
)
hypothesis.settings.load_profile("keras_attention")

# TensorFlow's own notes would drown pytest's output; processes that tests start inherit this.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


# Graphs are millions of objects that stay: looking for garbage among them took a tenth of the time.
gc.set_threshold(100_000, 20, 20)


# Folders whose files take minutes. They come first: the end is shared by files that take seconds.
SLOW_FOLDERS = ("training", "tasks", "cli", "export", "artifacts", "runs", "test_examples")


def pytest_collection_modifyitems(items):
    """Puts the slowest files first; within a folder the order stays."""

    def rank(item):
        name = item.nodeid.removeprefix("tests/").split("/")[0].split(".")[0]
        return SLOW_FOLDERS.index(name) if name in SLOW_FOLDERS else len(SLOW_FOLDERS)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A module of tests that runs an operation when it is imported is an error, alone too."""
    before = tensorflow_has_threads()
    return refuse_operations(collector, (yield), before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """A worker of pytest-xdist runs the tests of each file in a process of their own."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return run_in_child(item, nextitem)
    return None


@pytest.fixture(scope="session")
def real_data():
    """The folder of real corpora."""
    folder = os.environ.get("KERAS_ATTENTION_DATA")
    if not folder:
        pytest.skip("KERAS_ATTENTION_DATA is not set: no real corpora here")
    return Path(folder)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, make)`: see `made_once`."""
    return lambda name, make: made_once(tmp_path_factory, name, make)


@pytest.fixture(scope="session")
def corpus_files(once):
    """Built-in phrases as files: `{"train_source": path, ...}`, the values as strings."""
    folder = once("corpus", _write_corpus)
    names = [f"{part}_{side}" for part in ("train", "valid") for side in ("source", "target")]
    return {name: str(folder / name.replace("_", ".")) for name in names}


def _write_corpus(folder):
    from keras_attention.text import phrase_corpus

    for part, pairs in (("train", 1500), ("valid", 16)):
        for side, lines in zip(("source", "target"), phrase_corpus(pairs, split=part), strict=True):
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{part}.{side}").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def run_directory(once, corpus_files):
    """A finished run on 1,500 phrases: weak, but its answers differ.

    The preset tiny with two layers, three epochs, at most 64 tokens in a sentence, a vocabulary of
    300. Not to be changed: copy it.
    """
    from keras_attention.tasks.train import train
    from keras_attention.tasks.translation.translator_config import TranslatorConfig
    from tests.tasks.small_run import two_layers

    config = TranslatorConfig.for_preset(
        "tiny",
        epochs=3,
        vocabulary_size=300,
        normalization="identity",
        max_sequence_length=64,
        max_buckets=2,
        warmup_steps=20,
        dropout=0.0,
        average_checkpoints=1,
        shortlist=12,
        **corpus_files,
    )

    def make(folder):
        with two_layers():
            train(config, folder / "run", quiet=True)

    return once("trained", make) / "run"


@pytest.fixture(scope="session")
def artifact_of(once):
    """`artifact_of(run, name, **options)`: its artifact in the folder `name`, exported so."""

    def export(run, name, **options):
        from keras_attention.artifacts.precision_loss import PrecisionWarning
        from keras_attention.tasks.export import export

        def make(folder):
            with warnings.catch_warnings():
                # On so few sentences one other word, or label, may be more than the bound.
                warnings.simplefilter("ignore", PrecisionWarning)
                export(run, folder / "artifact", **options)

        return once(name, make) / "artifact"

    return export


@pytest.fixture(scope="session")
def artifact_directory(run_directory, artifact_of):
    """Its artifact with all three formats and alignments. Not to be changed: copy it."""
    return artifact_of(run_directory, "exported", with_alignments=True)


@pytest.fixture(scope="session")
def float16_artifact_directory(run_directory, artifact_of):
    """An artifact of the same run whose weights are stored as float16. Not to be changed."""
    return artifact_of(run_directory, "float16", precision="float16", allow_loss=100)


@pytest.fixture(scope="session")
def int8_artifact_directory(run_directory, artifact_of):
    """An artifact of the same run whose weights are stored as int8. Not to be changed."""
    return artifact_of(run_directory, "int8", precision="int8", allow_loss=100)


SAMPLING = dict(temperature=0.9, top_k=40, top_p=0.95)


@pytest.fixture(scope="session")
def sampling_artifact_directory(run_directory, artifact_of):
    """An artifact of the same run that samples with `SAMPLING`. Not to be changed: copy it."""
    search = dict(sample=True, **SAMPLING)
    return artifact_of(run_directory, "sampling", search=search, with_alignments=True)


BEAM = dict(beam_size=4, n_best=3, length_penalty=0.6, coverage_penalty=0.2)


@pytest.fixture(scope="session")
def beam_artifact_directory(run_directory, artifact_of):
    """An artifact of the same run that searches with `BEAM`. Not to be changed: copy it."""
    return artifact_of(run_directory, "beam", search=BEAM, with_alignments=True)


CLASSIFIER = dict(
    preset="tiny",
    vocabulary_size=600,
    max_sequence_length=48,
    max_buckets=1,
    epochs=2,
    learning_rate=3e-3,
    pooling="mean",
    dropout=0.0,
    seed=3,
)


def _train_classifier(folder, columns, **options):
    """A run on the tables that `columns(count, seed)` gives."""
    from keras_attention.tasks.classification.classifier_config import ClassifierConfig
    from keras_attention.tasks.train import train
    from tests.labelled_sentences import write_table

    files = {
        part: write_table(folder / f"{part}.jsonl", **columns(count, seed))
        for part, count, seed in (("train", 480, 0), ("valid", 40, 1))
    }
    config = ClassifierConfig.for_preset(**CLASSIFIER, **files, **options)
    train(config, folder / "run", quiet=True)


@pytest.fixture(scope="session")
def classifier_run_directory(once):
    """A finished run of BERT's preset tiny on 480 sentences of three labels. Not to be changed."""
    from tests.labelled_sentences import labelled_sentences

    def columns(count, seed):
        return dict(zip(("text", "label"), labelled_sentences(count, seed), strict=True))

    return once("classifier", lambda folder: _train_classifier(folder, columns)) / "run"


@pytest.fixture(scope="session")
def classifier_artifact_directory(classifier_run_directory, artifact_of):
    """Its artifact with all three formats. Not to be changed: copy it."""
    return artifact_of(classifier_run_directory, "exported_classifier")


@pytest.fixture(scope="session")
def int8_classifier_artifact_directory(classifier_run_directory, artifact_of):
    """An artifact of the same run whose weights are stored as int8, without a SavedModel."""
    options = dict(precision="int8", allow_loss=100, formats=("tflite", "onnx"))
    return artifact_of(classifier_run_directory, "int8_classifier", **options)


@pytest.fixture(scope="session")
def pair_classifier_run_directory(once):
    """The same of pairs of sentences: 480, two labels. Not to be changed."""
    from tests.labelled_sentences import labelled_pairs

    def columns(count, seed):
        return dict(zip(("text", "other", "label"), labelled_pairs(count, seed), strict=True))

    # Which of two is the better one takes more updates to learn.
    options = dict(pair_column="other", batch_size=8)
    make = lambda folder: _train_classifier(folder, columns, **options)  # noqa: E731
    return once("pair_classifier", make) / "run"


@pytest.fixture(scope="session")
def pair_classifier_artifact_directory(pair_classifier_run_directory, artifact_of):
    """Its artifact with all three formats. Not to be changed: copy it."""
    return artifact_of(pair_classifier_run_directory, "exported_pair_classifier")


@pytest.fixture(scope="session")
def text_folder(once):
    """A folder with text.txt, of phrases: one document. Not to be changed."""
    from tests.tasks.language_model.small_language_model import write_text

    return once("language_model_text", write_text)


@pytest.fixture(scope="session")
def language_model_run(once, text_folder):
    """A finished run of a GPT of one layer of width 16, of characters. Not to be changed."""
    from tests.tasks.language_model.small_language_model import small_run

    def make(folder):
        small_run(text_folder, folder / "run")

    return once("language_model", make) / "run"
