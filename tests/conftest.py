"""What the tests of text, export and command line share: one small training, one export."""

import os
import warnings
from pathlib import Path

import hypothesis
import pytest

# The first example of a test may compile, and machines are shared: nothing is measured in seconds.
hypothesis.settings.register_profile(
    "keras_attention", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("keras_attention")

# TensorFlow's own notes would drown pytest's output; processes that tests start inherit this.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def real_data():
    """The folder of real corpora."""
    folder = os.environ.get("KERAS_ATTENTION_DATA")
    if not folder:
        pytest.skip("KERAS_ATTENTION_DATA is not set: no real corpora here")
    return Path(folder)


@pytest.fixture(scope="session")
def corpus_files(tmp_path_factory):
    """Built-in phrases as files: `{"train_source": path, ...}`, the values as strings."""
    from keras_attention.text import phrase_corpus

    directory = tmp_path_factory.mktemp("corpus")
    files = {}
    for part, pairs in (("train", 1500), ("valid", 16)):
        for side, lines in zip(("source", "target"), phrase_corpus(pairs, split=part), strict=True):
            path = directory / f"{part}.{side}"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            files[f"{part}_{side}"] = str(path)
    return files


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory, corpus_files):
    """A finished run of the tiny preset on 1,500 phrases: weak, but its answers differ.

    Two epochs, at most 64 tokens in a sentence, a vocabulary of 300. Not to be changed: copy it.
    """
    from keras_attention.recipes import TranslatorConfig, train_translator

    directory = tmp_path_factory.mktemp("trained") / "run"
    config = TranslatorConfig.for_preset(
        "tiny",
        epochs=2,
        vocabulary_size=300,
        normalization="identity",
        max_sequence_length=64,
        max_buckets=2,
        warmup_steps=20,
        dropout=0.0,
        average_checkpoints=1,
        **corpus_files,
    )
    train_translator(config, directory, quiet=True)
    return directory


@pytest.fixture(scope="session")
def artifact_directory(run_directory):
    """Its artifact with all three forms and alignments. Not to be changed: copy it."""
    from keras_attention.recipes import export_run

    directory = run_directory.parent / "artifact"
    export_run(run_directory, directory, with_alignments=True)
    return directory


def _in_precision(run_directory, precision, **options):
    from keras_attention.exporting import PrecisionWarning
    from keras_attention.recipes import export_run

    directory = run_directory.parent / f"{precision}_artifact"
    with warnings.catch_warnings():
        # On so few sentences one other word, or label, may be more than the bound.
        warnings.simplefilter("ignore", PrecisionWarning)
        export_run(run_directory, directory, precision=precision, allow_loss=100, **options)
    return directory


@pytest.fixture(scope="session")
def float16_artifact_directory(run_directory):
    """An artifact of the same run whose weights are stored as float16. Not to be changed."""
    return _in_precision(run_directory, "float16")


@pytest.fixture(scope="session")
def int8_artifact_directory(run_directory):
    """An artifact of the same run whose weights are stored as int8. Not to be changed."""
    return _in_precision(run_directory, "int8")


SAMPLING = dict(temperature=0.9, top_k=40, top_p=0.95)


@pytest.fixture(scope="session")
def sampling_artifact_directory(run_directory):
    """An artifact of the same run that samples with `SAMPLING`. Not to be changed: copy it."""
    from keras_attention.recipes import export_run

    directory = run_directory.parent / "sampling_artifact"
    export_run(run_directory, directory, search=dict(sample=True, **SAMPLING), with_alignments=True)
    return directory


BEAM = dict(beam_size=4, n_best=3, length_penalty=0.6, coverage_penalty=0.2)


@pytest.fixture(scope="session")
def beam_artifact_directory(run_directory):
    """An artifact of the same run that searches with `BEAM`. Not to be changed: copy it."""
    from keras_attention.recipes import export_run

    directory = run_directory.parent / "beam_artifact"
    export_run(run_directory, directory, search=BEAM, with_alignments=True)
    return directory


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


def _train_classifier(directory, **options):
    from keras_attention.recipes import ClassifierConfig, train_classifier

    config = ClassifierConfig.for_weights(**CLASSIFIER, **options)
    train_classifier(config, directory / "run", quiet=True)
    return directory / "run"


def _export_classifier(run):
    from keras_attention.recipes import export_run

    export_run(run, run.parent / "artifact")
    return run.parent / "artifact"


@pytest.fixture(scope="session")
def classifier_run_directory(tmp_path_factory):
    """A finished run of BERT's preset tiny on 480 sentences of three labels. Not to be changed."""
    from tests.labelled_sentences import labelled_sentences, write_table

    directory = tmp_path_factory.mktemp("classifier")
    files = {}
    for part, count, seed in (("train", 480, 0), ("valid", 40, 1)):
        texts, labels = labelled_sentences(count, seed)
        files[part] = write_table(directory / f"{part}.jsonl", text=texts, label=labels)
    return _train_classifier(directory, **files)


@pytest.fixture(scope="session")
def classifier_artifact_directory(classifier_run_directory):
    """Its artifact with all three forms. Not to be changed: copy it."""
    return _export_classifier(classifier_run_directory)


@pytest.fixture(scope="session")
def int8_classifier_artifact_directory(classifier_run_directory):
    """An artifact of the same run whose weights are stored as int8, without a SavedModel."""
    return _in_precision(classifier_run_directory, "int8", formats=("tflite", "onnx"))


@pytest.fixture(scope="session")
def pair_classifier_run_directory(tmp_path_factory):
    """The same of pairs of sentences: 480, two labels. Not to be changed."""
    from tests.labelled_sentences import labelled_pairs, write_table

    directory = tmp_path_factory.mktemp("pair_classifier")
    files = {}
    for part, count, seed in (("train", 480, 0), ("valid", 40, 1)):
        first, second, labels = labelled_pairs(count, seed)
        path = directory / f"{part}.jsonl"
        files[part] = write_table(path, text=first, other=second, label=labels)
    # Which of two is the better one takes more updates to learn.
    return _train_classifier(directory, pair_column="other", batch_size=8, **files)


@pytest.fixture(scope="session")
def pair_classifier_artifact_directory(pair_classifier_run_directory):
    """Its artifact with all three forms. Not to be changed: copy it."""
    return _export_classifier(pair_classifier_run_directory)
