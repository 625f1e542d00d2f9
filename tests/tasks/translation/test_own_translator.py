"""A user's own subclass of `Translator`: a run, an artifact, and the beginning of a training."""

import json
from functools import partial
from unittest import mock

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.models import RNNTranslator, TransformerTranslator, Translator, rnn_presets
from keras_attention.models.rnn_presets import small_fixed
from keras_attention.search_options import SearchOptions
from keras_attention.tasks import TranslatorConfig, task_of
from keras_attention.tasks.evaluate import evaluate
from keras_attention.tasks.train import train
from tests.cli.command import run_here
from tests.tasks import own_translators, small_translator
from tests.tasks.own_translators import OWN, OwnTranslator, TurnedTranslator
from tests.tasks.small_models import config_of, small_rnn_translator
from tests.tasks.small_run import write_corpus

FILE = own_translators.__file__
TEXTS = small_translator.TEXTS
FORMATS = ("tf_saved_model", "tflite", "onnx")
SIZES = dict(num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=16)


def varied(model):
    """`model` with weights that give different texts different answers."""
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


def make_model(name):
    keras.utils.set_random_seed(6)
    size = small_translator.tokenizer().target.vocabulary_size
    if name == "OwnTranslator":
        return varied(OwnTranslator(size))
    classes = {"TurnedTranslator": TurnedTranslator, "stock": TransformerTranslator}
    return varied(classes[name](size, max_sequence_length=48, dropout=0.2, **SIZES))


@pytest.fixture(scope="session")
def run_of(once):
    """`run_of(name)`: the run of one of `OWN`, or of a stock model. Not to be changed."""

    def find(name):
        make = lambda folder: keras_attention.save_run(  # noqa: E731
            make_model(name), small_translator.tokenizer(), folder / "run"
        )
        return once(f"own {name}", make) / "run"

    return find


@pytest.fixture(scope="session")
def corpus(once):
    return once("own corpus", lambda folder: write_corpus(folder, pairs=40))


def files_of(corpus):
    names = [(part, side) for part in ("train", "valid") for side in ("source", "target")]
    ends = {"source": "en", "target": "de"}
    return {f"{part}_{side}": str(corpus / f"{part}.{ends[side]}") for part, side in names}


def small_config(corpus, initial, **options):
    sizes = dict(epochs=1, batch_tokens=512, max_buckets=1, average_checkpoints=1)
    given = {**files_of(corpus), **sizes, "initial_weights": str(initial), **options}
    return TranslatorConfig.for_preset(**given)


# A run and an artifact


def test_a_run_of_the_contract_alone(run_of):
    user = keras_attention.load(run_of("OwnTranslator"), custom_objects=OWN)
    model = make_model("OwnTranslator")
    assert type(user.model) is OwnTranslator and model.vocabulary_size == 200
    assert model.source_vocabulary_size is None
    ids = np.array([user.encode(TEXTS)[0]])
    expected = model.generate(ids, beam_size=2)["token_ids"]
    np.testing.assert_array_equal(user.model.generate(ids, beam_size=2)["token_ids"], expected)
    assert len(set(user.translate(TEXTS))) > 1
    with pytest.raises(InputError, match="OwnTranslator"):
        keras_attention.load(run_of("OwnTranslator"))


@pytest.mark.parametrize(
    "name", ["OwnTranslator", pytest.param("TurnedTranslator", marks=pytest.mark.slow)]
)
def test_its_artifact_gives_the_same_answers(name, run_of, artifact_of):
    options = dict(custom_objects=OWN, examples=TEXTS, search={"beam_size": 2, "n_best": 2})
    artifact = artifact_of(run_of(name), f"artifact {name}", **options)
    search = dict(beam_size=2, n_best=2)
    expected = keras_attention.load(run_of(name), custom_objects=OWN, **search)
    expected = expected.translate_n_best(TEXTS)
    assert len({text for row in expected for text, _ in row}) > 1
    for runtime in FORMATS:
        found = keras_attention.load(artifact, runtime).translate_n_best(TEXTS)
        for row, other in zip(found, expected, strict=True):
            assert [text for text, _ in row] == [text for text, _ in other]
            np.testing.assert_allclose([s for _, s in row], [s for _, s in other], atol=1e-3)


def test_what_it_cannot_do_is_said(run_of, tmp_path, capfd):
    run = run_of("OwnTranslator")
    said, progress = "must be {} for a model without attention: its state has no entry", []
    told = dict(custom_objects=OWN, examples=TEXTS, say=progress.append)
    with pytest.raises(ValueError, match=f"`with_alignments` {said.format(False)}"):
        keras_attention.export(run, tmp_path / "a", with_alignments=True, **told)
    with pytest.raises(ValueError, match=f"`coverage_penalty` {said.format(0)}"):
        keras_attention.export(run, tmp_path / "a", search=dict(coverage_penalty=0.1), **told)
    assert progress == []
    options = ["--model", run, "--output", tmp_path / "a", "--custom", FILE, "--with-alignments"]
    status, _, error = run_here(capfd, "export", *options)
    assert status == 2
    assert error.startswith("keras-attention: --with-alignments must be False for a model without")
    assert len(error.splitlines()) == 1
    user = keras_attention.load(run, custom_objects=OWN, coverage_penalty=0.2, beam_size=2)
    with pytest.raises(ValueError, match='no entry "alignment"'):
        user.translate(TEXTS)
    plot = ["plot", "attention", "--text", "three hundred", "--output", tmp_path / "a.png"]
    status, _, error = run_here(capfd, *plot, "--model", run, "--custom", FILE)
    assert (status, error) == (2, "keras-attention: The model has no attention.\n")
    assert list(tmp_path.iterdir()) == []


# What the contract asks for


class Bare(Translator):
    """It lacks what `lacking` says."""

    def __init__(self, lacking=()):
        if "special_ids" not in lacking:
            self.set_special_ids(None, None, 200)
        inputs = keras.Input((None,), dtype="int32")
        super().__init__(inputs, keras.layers.Embedding(200, 200)(inputs))
        for name, value in {"max_sequence_length": 48}.items():
            if name not in lacking:
                setattr(self, name, value)


class Stepping(Bare):
    def start(self, inputs, room, return_alignment=False, beam_size=1):
        return {}, {}

    def step(self, token, position, state, constants):
        return self.outputs[0], state


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Bare(), "Bare: a Bare does not have .*: it must implement `start`."),
        (lambda: Stepping({"special_ids"}), "`special_ids` must be set by `set_special_ids`. Rec"),
        (
            lambda: Stepping({"max_sequence_length"}),
            "`max_sequence_length` must be a positive integer. Received: None",
        ),
        (lambda: with_attribute("max_sequence_length", 0), "must be a positive integer. Rec.*: 0"),
        (lambda: with_attribute("vocabulary_size", None), "`vocabulary_size` must be a positive"),
        (
            lambda: with_attribute("source_vocabulary_size", "many"),
            "`source_vocabulary_size` must be a positive integer or None. Received: 'many'",
        ),
    ],
)
def test_what_is_no_whole_translator_is_refused_by_name(make, said, tmp_path):
    model, tokenizer = make(), small_translator.tokenizer()
    for save in (keras_attention.save_run, keras_attention.export):
        with pytest.raises(InputError, match=said) as caught:
            if save is keras_attention.save_run:
                save(model, tokenizer, tmp_path / "run")
            else:
                save(model, tmp_path / "artifact", tokenizer)
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def with_attribute(name, value):
    model = Stepping()
    setattr(model, name, value)
    return model


# A training that begins with it


# `test_the_command_goes_on_with_it` trains the other one every time.
@pytest.mark.parametrize(
    "name", ["OwnTranslator", pytest.param("TurnedTranslator", marks=pytest.mark.slow)]
)
def test_a_training_goes_on_with_the_users_own_model(name, run_of, corpus, tmp_path):
    run = tmp_path / "run"
    config = small_config(corpus, run_of(name), learning_rate=1e-2, warmup_steps=1)
    assert (config.preset, config.architecture, config.dropout) == (None, None, None)
    assert config.max_sequence_length == 48  # the longest that it reads
    user = train(config, run, quiet=True, custom_objects=OWN)
    assert type(user.model) is OWN[name]
    before = make_model(name)
    assert user.model.get_config() == {**before.get_config(), "name": user.model.name}
    pairs = list(zip(before.get_weights(), user.model.get_weights(), strict=True))
    assert all(np.abs(a - b).max() > 1e-4 for a, b in pairs)  # trained
    assert max(np.abs(a - b).max() for a, b in pairs) < 0.2  # from where it was
    loaded = keras_attention.load(run, custom_objects=OWN)
    assert type(loaded.model) is OWN[name]
    assert loaded.translate(TEXTS) == user.translate(TEXTS)
    saved = config_of(run)
    assert saved["preset"] is None and saved["architecture"] is None
    assert evaluate(
        *("translator", run),
        custom_objects=OWN,
        source=config.valid_source,
        reference=config.valid_target,
    )["sentences"]


@pytest.mark.slow
def test_it_goes_on_from_a_snapshot(run_of, corpus, tmp_path):
    options = dict(learning_rate=1e-3, schedule="linear")
    config = small_config(corpus, run_of("TurnedTranslator"), epochs=1, **options)
    train(config, tmp_path / "run", quiet=True, custom_objects=OWN)
    longer = small_config(corpus, run_of("TurnedTranslator"), epochs=2, **options)
    user = train(longer, tmp_path / "run", resume=True, quiet=True, custom_objects=OWN)
    assert type(user.model) is TurnedTranslator
    assert config_of(tmp_path / "run")["epochs"] == 2


def test_the_command_goes_on_with_it(run_of, corpus, tmp_path, capfd):
    run = tmp_path / "run"
    command = ["train", "translator", "--initial-weights", run_of("TurnedTranslator")]
    command += ["--epochs", 1, "--batch-tokens", 512, "--output", run, "--quiet"]
    for name, path in files_of(corpus).items():
        command += [f"--{name.replace('_', '-')}", path]
    status, _, error = run_here(capfd, *command, "--preset", "tiny", "--custom", FILE)
    assert status == 2 and not run.exists()
    assert "--preset" in error and "TurnedTranslator" in error and error.count("\n") == 1
    status, _, error = run_here(capfd, *command)
    assert status == 2 and "--custom" in error and not run.exists()
    status, _, error = run_here(capfd, *command, "--custom", FILE)
    assert status == 0, error
    translate = ["translate", "--model", run, "--input", corpus / "valid.en", "--custom", FILE]
    status, output, error = run_here(capfd, *translate)
    assert status == 0, error
    user = keras_attention.load(run, custom_objects=OWN)
    assert type(user.model).__name__ == "TurnedTranslator"
    texts = (corpus / "valid.en").read_text().split("\n")[:-1]
    assert output.split("\n")[:-1] == user.translate(texts)
    assert json.loads((run / "config.json").read_text())["preset"] is None


def begun(run_of, corpus, name, **options):
    """The model that a training begins with."""
    config = small_config(corpus, run_of(name), **options)
    return task_of("translator").read_initial(config, OWN).model


def test_what_may_be_changed(run_of, corpus):
    model = begun(run_of, corpus, "TurnedTranslator", dropout=0.4, max_sequence_length=60)
    assert type(model) is TurnedTranslator
    assert (model.dropout, model.max_sequence_length) == (0.4, 60)
    expected = make_model("TurnedTranslator").get_weights()
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    ids = np.array([[5, 6, 7, 8, 3]])
    options = SearchOptions(max_length=6).to_dict()
    np.testing.assert_array_equal(
        model.generate(ids, **options)["token_ids"],
        make_model("TurnedTranslator").generate(ids, **options)["token_ids"],
    )
    assert begun(run_of, corpus, "stock", max_sequence_length=40).num_heads == 2  # of no preset


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("TurnedTranslator", dict(preset="tiny"), "`preset` 'tiny' of architecture 'transformer'"),
        ("TurnedTranslator", dict(architecture="rnn"), "'small' of architecture 'rnn' is not what"),
        ("stock", dict(preset="tiny"), "Leave both out to go on with the TransformerTranslator"),
        ("OwnTranslator", dict(preset="tiny"), "go on with the OwnTranslator there"),
        ("OwnTranslator", dict(dropout=0.3), "`dropout` 0.3 is not possible with .* has no `drop"),
        ("TurnedTranslator", dict(normalize_first=True), "`normalize_first` is for random weights"),
    ],
)
def test_what_cannot_be_combined_is_refused_by_name(name, options, said, run_of, corpus):
    with pytest.raises(InputError, match=said) as caught:
        begun(run_of, corpus, name, **options)
    assert "\n" not in str(caught.value)


def test_a_schedule_that_needs_a_width(run_of, corpus, tmp_path):
    config = small_config(corpus, run_of("OwnTranslator"), schedule="noam")
    with pytest.raises(InputError, match="`schedule` 'noam' needs .* OwnTranslator has none"):
        train(config, tmp_path / "run", quiet=True, custom_objects=OWN)
    assert not (tmp_path / "run").exists()


def test_own_layers_in_a_stock_model_stay(corpus, tmp_path):
    """The class of the model alone does not tell."""

    class Sharper(keras_attention.layers.AdditiveAttention):
        def score(self, query, key):
            return 3 * super().score(query, key)

    run, mine = tmp_path / "run", {"Sharper": Sharper}
    model = varied(small_rnn_translator(Sharper(8)))
    keras_attention.save_run(model, small_translator.tokenizer(), run)
    for options in ({}, dict(dropout=0.2)):
        found = task_of("translator").read_initial(small_config(corpus, run, **options), mine).model
        assert type(found.decoder.attention) is Sharper
        assert found.dropout == options.get("dropout", 0.0)
        for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_preset_goes_on_as_that_preset(corpus, tmp_path):
    """Neither the preset nor the architecture has to be repeated."""
    size = small_translator.tokenizer().target.vocabulary_size
    model = RNNTranslator.from_preset("small-fixed", vocabulary_size=size, units=8, dropout=0.3)
    sizes = dict(preset="small-fixed", architecture="rnn")
    keras_attention.save_run(model, small_translator.tokenizer(), tmp_path / "run", **sizes)
    config = small_config(corpus, tmp_path / "run", dropout=0.1)
    assert (config.preset, config.architecture) == ("small-fixed", "rnn")
    assert (config.learning_rate, config.clip_norm) == (2e-3, 1.0)
    with pytest.raises(InputError, match="'small-fixed' of architecture 'rnn' is not what"):
        task_of("translator").read_initial(config)  # eight units are not the preset's
    with mock.patch.dict(rnn_presets.PRESETS, {"small-fixed": partial(small_fixed, units=8)}):
        found = task_of("translator").read_initial(config).model
    assert found.decoder.attention is None
    assert found.dropout == found.encoder.dropout == 0.1
    assert found.max_sequence_length == config.max_sequence_length == 256
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
