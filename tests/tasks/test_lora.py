"""Trainings with `--lora-rank`: what a run holds, resumes, exports and refuses."""

import inspect
import json

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention import layers
from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.layer import adapted_parts
from keras_attention.models import BertEncoder, Classifier, MaskedLM, SentenceEncoder
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks import EmbeddingConfig
from keras_attention.tasks.classification.text_classifier import keras_classifier
from keras_attention.tasks.load import load
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.tasks.save_run import save_run
from keras_attention.tasks.train import asked_config, train
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.text import WordPieceTokenizer, read_texts
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_here, run_process
from tests.labelled_sentences import LABELS
from tests.made_once import made_once
from tests.runs.small_runs import word_piece
from tests.tasks.small_classifier import small_classifier, small_masked_lm, write_data
from tests.tasks.small_models import LENGTH, functional_classifier, small_rnn_translator
from tests.tasks.small_models import TEXTS as TEXTS_OF_WORDS
from tests.tasks.small_run import write_words
from tests.tasks.small_translator import small_translator
from tests.tasks.small_translator import tokenizer as translation_tokenizer
from tests.tasks.stopped_at import stopped_at
from tests.training.distilled import spread

RANK = 3
TEXTS = ["the film is good", "a dull one", "good"]


def make_source(folder):
    """Labelled sentences, words in two languages, and runs that a training may begin with."""
    write_words(write_data(folder))
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer.train(read_texts(folder / "train.jsonl", "text"), 200, True)
    sizes = dict(num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=20, dropout=0.2)
    encoder = BertEncoder(tokenizer.vocabulary_size, **sizes, max_sequence_length=40)
    spread(encoder, 7)
    model = MaskedLM(encoder)
    save_run(model, tokenizer, folder / "source")
    save_run(Classifier(encoder, 3, pooling="mean", labels=LABELS), tokenizer, folder / "teacher")
    save_run(small_translator(), translation_tokenizer(), folder / "translator")
    rows = [(line, line.upper()) for line in read_texts(folder / "train.jsonl", "text")[:40]]
    lines = ["one\tother", *("\t".join(row) for row in rows)]
    (folder / "pairs.tsv").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return made_once(tmp_path_factory, "lora", make_source)


def config_of(kind, data, **options):
    common = dict(lora_rank=RANK, initial_weights=str(data / "source"), epochs=1)
    if kind == "translator":
        files = {
            f"{part}_{side}": str(data / f"{part}.{language}")
            for part in ("train", "valid")
            for side, language in (("source", "en"), ("target", "de"))
        }
        options = {"batch_tokens": 200, "max_buckets": 1, "average_checkpoints": 1, **options}
        common |= dict(initial_weights=str(data / "translator"), jit_compile=False)
        return TranslatorConfig.for_preset(**{**common, **files, **options})
    if kind == "embedding":
        options = {"max_sequence_length": 32, "batch_size": 8, "jit_compile": False, **options}
        return EmbeddingConfig.for_preset(**{**common, "train": str(data / "pairs.tsv"), **options})
    make = small_classifier if kind == "classifier" else small_masked_lm
    return make(data, **{**common, **options})


@pytest.fixture(scope="session")
def run(data, once):
    """A finished run of a classifier. Not to be changed."""
    make = lambda folder: train(  # noqa: E731
        config_of("classifier", data, dropout=0.0, epochs=2), folder / "run", quiet=True
    )
    return once("lora classifier", make) / "run"


@pytest.mark.parametrize(
    "kind",
    [
        "classifier",
        pytest.param("masked-lm", marks=pytest.mark.slow),
        pytest.param("embedding", marks=pytest.mark.slow),
        "translator",
    ],
)
def test_a_run_holds_base_and_adapters(kind, data, tmp_path, capsys):
    config = config_of(kind, data)
    user = train(config, tmp_path / "run")
    model = read_model(tmp_path / "run")
    assert {layer.lora_rank for layer in adapted_parts(model) if layer.lora_enabled} == {RANK}
    before = read_model(config.initial_weights)
    own = before if kind == "translator" else before.encoder
    frozen = {weight.path: weight.numpy() for weight in own.weights}
    found = {weight.path: weight for weight in model.weights}
    kept = [path for path in frozen if path in found]  # a head need not read a pooler
    assert len(kept) > 20
    for path in kept:
        np.testing.assert_array_equal(found[path].numpy(), frozen[path])
    # The second matrix of each adapter began at zero.
    second = [w for path, w in found.items() if path.endswith("lora_kernel_b")]
    assert second and all(weight.numpy().any() for weight in second)
    state = read_snapshot(snapshot_paths(tmp_path / "run" / "snapshots")[-1])[0]
    held = sum(array.size for name, array in state.items() if name.startswith("optimizer/"))
    weights = sum(array.size for name, array in state.items() if name.startswith("model/"))
    trained = sum(int(np.prod(weight.shape)) for weight in user.model.trainable_weights)
    assert 2 * trained <= held <= 2 * trained + 8  # Adam's two means, a rate and a count
    assert held < weights
    paths = [weight.path for weight in user.model.trainable_weights]
    assert [weight.path for weight in model.trainable_weights] == paths
    assert f"{trained:,} of {user.model.count_params():,} parameters are trained" in (
        capsys.readouterr().out
    )
    assert type(load(tmp_path / "run").model) is type(model)


def test_it_learns_and_answers_as_it_was_trained(run, data):
    first, last = (
        [float(value) for value in line.split(",")]
        for line in (run / "history.csv").read_text().splitlines()[1:]
    )
    assert json.loads((run / "config.json").read_text())["lora_rank"] == RANK
    assert np.isfinite(first).all() and np.isfinite(last).all()
    assert load(run).probabilities(TEXTS).shape == (3, 3)


def test_a_training_goes_on_to_the_same_bits(run, data, tmp_path):
    path = tmp_path / "run"
    with stopped_at(4):
        train(config_of("classifier", data, dropout=0.0, epochs=2), path, quiet=True)
    train(asked_config("classifier", path, resume=True), path, resume=True, quiet=True)
    for one, other in zip(
        read_model(run).get_weights(), read_model(path).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match="`lora_rank` 3, not 4; a training that goes on cannot"):
        config = asked_config("classifier", path, resume=True, lora_rank=4)
        train(config, path, resume=True, quiet=True)


@pytest.mark.slow
def test_xla_changes_nothing(run, data, tmp_path):
    config = config_of("classifier", data, dropout=0.0, epochs=2, jit_compile=True)
    train(config, tmp_path / "run", quiet=True)
    for one, other in zip(
        read_model(run).get_weights(), read_model(tmp_path / "run").get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_the_artifact_is_the_merged_model(run, tmp_path):
    """In every format, with the parameters of the plain model and no operator more."""
    keras_attention.export(run, tmp_path / "artifact", examples=TEXTS)
    expected = load(run).probabilities(TEXTS)
    for runtime in ("tf_saved_model", "tflite", "onnx"):
        found = load(tmp_path / "artifact", runtime).probabilities(TEXTS)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    manifest = json.loads((tmp_path / "artifact" / "manifest.json").read_text())
    model = read_model(run)
    adapters = sum(int(np.prod(w.shape)) for w in model.weights if w.name.startswith("lora"))
    assert manifest["model"]["parameters"] == model.count_params() - adapters


def every_layer(x, padding_mask):
    """All layers that take adapters, one after the other."""
    x = x + layers.PositionEmbedding(LENGTH)(x)
    x = layers.AdditiveAttention(6)(x, x, value_mask=padding_mask)
    x = x + layers.MultiplicativeAttention("general")(x, x, value_mask=padding_mask)
    local = layers.MultiplicativeAttention("concat", units=6, window=4)
    x = x + local(x, x, value_mask=padding_mask)
    x = x + layers.MultiHeadAttention(2, 4)(x, value_mask=padding_mask)
    x = x + layers.GroupedQueryAttention(4, 4, num_key_value_heads=2)(x, value_mask=padding_mask)
    sparse = layers.BlockSparseAttention(
        2, 4, block_size=4, num_random_blocks=1, max_sequence_length=LENGTH
    )
    x = x + sparse(x, padding_mask=padding_mask)
    return layers.GatedFeedForward(9)(layers.FeedForward(9)(x))


# Every format merges adapters in the test of a run's artifact.
@pytest.mark.parametrize(
    "formats", [("onnx",), pytest.param(("tf_saved_model", "tflite"), marks=pytest.mark.slow)]
)
def test_an_artifact_of_every_layer_is_the_adapted_model(formats, tmp_path):
    keras.utils.set_random_seed(6)
    model, tokenizer = functional_classifier(every_layer), word_piece()
    user = keras_classifier(model, tokenizer, LABELS, LENGTH, False)
    before = user.probabilities(TEXTS_OF_WORDS)
    parts = adapted_parts(model)
    found = {type(part) for part in parts}
    assert found == {each for each in vars(layers).values() if takes_lora(each)}
    random = np.random.default_rng(2)
    for part in parts:
        part.enable_lora(2)
        for name in part.lora_kernels():
            second = part.adapter(name).b
            second.assign(random.normal(0, 0.3, second.shape))
    expected = keras_classifier(model, tokenizer, LABELS, LENGTH, False).probabilities(
        TEXTS_OF_WORDS
    )
    assert np.abs(expected - before).max() > 0.01 and expected.std(axis=0).max() > 1e-3
    config = dict(kind="classifier", labels=LABELS, config=dict(max_sequence_length=LENGTH))
    options = dict(examples=TEXTS_OF_WORDS, formats=formats, **config)
    keras_attention.export(model, tmp_path / "artifact", tokenizer, **options)
    for runtime in formats:
        answers = load(tmp_path / "artifact", runtime).probabilities(TEXTS_OF_WORDS)
        np.testing.assert_allclose(answers, expected, atol=1e-5)


def takes_lora(member):
    """Whether a public member of `layers` is a layer with adapters that is used by itself."""
    is_one = inspect.isclass(member) and issubclass(member, AdaptedLayer)
    return is_one and member is not layers.BaseAttention


def test_a_model_in_memory_is_as_before_after_an_export(run, tmp_path):
    user = load(run)
    before, weights = user.probabilities(TEXTS), user.model.get_weights()
    keras_attention.export(
        user.model,
        tmp_path / "artifact",
        user.tokenizer,
        examples=TEXTS,
        formats=["onnx"],
        config={"max_sequence_length": 32},
    )
    np.testing.assert_array_equal(user.probabilities(TEXTS), before)
    for one, other in zip(user.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    found = load(tmp_path / "artifact", "onnx").probabilities(TEXTS)
    np.testing.assert_allclose(found, before, atol=1e-5)


def test_hugging_face_gets_the_merged_model(data, tmp_path):
    model = SentenceEncoder(read_model(data / "source").encoder)
    model.enable_lora(RANK)
    spread(model, 5)
    expected = model.predict(inputs(), verbose=0)
    save_hugging_face(model, load(data / "source").tokenizer, tmp_path / "published")
    found = load_hugging_face(tmp_path / "published", task="embedding")
    np.testing.assert_allclose(found.predict(inputs(), verbose=0), expected, atol=1e-5)
    np.testing.assert_array_equal(model.predict(inputs(), verbose=0), expected)


def inputs():
    ids = np.random.default_rng(0).integers(5, 99, (2, 6))
    return {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": np.ones_like(ids)}


@pytest.mark.parametrize("rank", [2, pytest.param(None, marks=pytest.mark.slow)])
def test_a_further_training_begins_with_the_sums(rank, run, data, tmp_path):
    """Of adapters beside other weights, and of weights that are trained themselves."""
    merged = read_model(run)
    keras_attention.layers.merge_lora(merged)
    kernel = merged.encoder.blocks[0].self_attention.query_key_value_kernel.numpy()
    config = config_of(
        "classifier", data, initial_weights=str(run), lora_rank=rank, learning_rate=1e-12
    )
    train(config, tmp_path / "run", quiet=True)
    model = read_model(tmp_path / "run")
    attention = model.encoder.blocks[0].self_attention
    assert attention.lora_rank == rank
    assert ("frozen" in model.get_config()) == (rank is not None)
    np.testing.assert_allclose(attention.query_key_value_kernel.numpy(), kernel, atol=1e-6)


@pytest.mark.slow
def test_a_student_learns_by_its_adapters(data, tmp_path):
    config = config_of("classifier", data, teacher=str(data / "teacher"))
    train(config, tmp_path / "run", quiet=True)
    model, source = read_model(tmp_path / "run"), read_model(data / "source")
    kernels = [m.encoder.blocks[1].feed_forward.intermediate.kernel for m in (model, source)]
    np.testing.assert_array_equal(*(kernel.numpy() for kernel in kernels))


@pytest.mark.slow
def test_an_adapted_teacher(run, data, tmp_path):
    """Its student, half of its layers, begins with the sums."""
    config = small_classifier(
        data,
        teacher=str(run),
        vocabulary_size=None,
        epochs=1,
        learning_rate=1e-12,
        snapshot_every=None,
    )
    train(config, tmp_path / "run", quiet=True)
    student, teacher = read_model(tmp_path / "run"), read_model(run)
    assert not any(layer.lora_enabled for layer in adapted_parts(student))
    keras_attention.layers.merge_lora(teacher)
    kernels = [m.encoder.blocks[0].self_attention.output_kernel for m in (student, teacher)]
    np.testing.assert_allclose(*(kernel.numpy() for kernel in kernels), atol=1e-6)


def test_a_long_encoder_of_an_adapted_run(run, tmp_path):
    from keras_attention.tasks.import_checkpoint import import_checkpoint

    import_checkpoint(run, tmp_path / "long", family="bigbird", positions=64)
    model = read_model(tmp_path / "long")
    assert not any(layer.lora_enabled for layer in adapted_parts(model))


def test_the_learning_rate_is_that_of_adapters():
    """Where the config knows it; others in test_fine_tuning_rate.py."""
    options = dict(train="a.csv", initial_weights="weights")
    plain, adapted, asked = (
        MaskedLMConfig.for_preset(**options, **more).learning_rate
        for more in ({}, {"lora_rank": 4}, {"lora_rank": 4, "learning_rate": 1e-3})
    )
    assert adapted == pytest.approx(10 * plain) and asked == 1e-3


REFUSED = {
    "no weights": (dict(initial_weights=None), "`lora_rank` is for `initial_weights`"),
    "no rank": (dict(lora_rank=0), "`lora_rank` must be a positive integer"),
    "too much": (dict(lora_rank=17), "`lora_rank` must be at most 16, the smallest side"),
    "frozen": (dict(freeze_encoder=True), "adapts the encoder that `freeze_encoder` freezes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name, data, tmp_path):
    options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        train(config_of("classifier", data, **options), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_model_without_such_layers_is_refused(data, tmp_path, capfd):
    run = tmp_path / "rnn"
    model = small_rnn_translator(layers.MultiplicativeAttention("dot"))
    save_run(model, translation_tokenizer(), run)
    files = [
        value
        for part in ("train", "valid")
        for side, language in (("source", "en"), ("target", "de"))
        for value in (f"--{part}-{side}", data / f"{part}.{language}")
    ]
    status, out, error = run_here(
        capfd, "train", "translator", *files, "--initial-weights", run, "--lora-rank", 2,
        "--output", tmp_path / "run", "--quiet",
    )  # fmt: skip
    assert (status, out) == (2, "") and error.count("\n") == 1
    assert "--lora-rank is for models with attention or feed-forward layers" in error


@pytest.mark.slow
def test_two_replicas_are_as_one(data, tmp_path):
    given = [
        *("train", "classifier", "--train", data / "train.jsonl", "--valid", data / "valid.jsonl"),
        *("--initial-weights", data / "source", "--lora-rank", RANK, "--epochs", 2),
        *("--dropout", 0, "--batch-size", 15, "--max-length", 32, "--quiet", "--output"),
    ]
    one, two = tmp_path / "one", tmp_path / "two"
    mirrored = [*given, two, "--distribute", "mirrored"]
    for process in (
        run_process(*given, one),
        run_process(*mirrored, KERAS_ATTENTION_CPU_DEVICES="2"),
    ):
        assert process.returncode == 0, process.stderr.decode()[-3000:]
    pairs = zip(read_model(one).weights, read_model(two).weights, strict=True)
    for single, double in pairs:
        np.testing.assert_allclose(single.numpy(), double.numpy(), atol=5e-3, err_msg=single.path)
