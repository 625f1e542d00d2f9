"""The options of training a language model."""

import pytest

from keras_attention._validation import InputError
from keras_attention.runs.resumed_config import resumed_config
from keras_attention.tasks.language_model.language_model_config import (
    LEAST_ROUNDS,
    MOST_ROUNDS,
    LanguageModelConfig,
    round_of,
)


def config(**options):
    return LanguageModelConfig.for_preset(**{"train": "text.txt", **options})


def test_nano_is_nanogpts_setting():
    found = config(preset="nano")
    assert (found.max_sequence_length, found.batch_size, found.steps) == (64, 12, 2000)
    assert (found.tokenizer, found.learning_rate, found.warmup_steps) == ("characters", 1e-3, 100)
    assert (found.steps_per_epoch, found.epochs) == (200, 10)
    assert config() == found


def test_epochs_in_the_place_of_steps():
    found = config(preset="nano", epochs=3)
    assert (found.epochs, found.steps, found.steps_per_epoch) == (3, None, None)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(2000, 10), (900, 10), (1, 1), (7, 7), (22, 11), (26, 13), (1999, 10), (2003, 10), (31, 8)],
)
def test_steps_are_about_ten_rounds(steps, expected):
    found = config(steps=steps)
    assert found.epochs == expected
    last = steps - (found.epochs - 1) * found.steps_per_epoch
    assert 0 < last <= found.steps_per_epoch
    assert found.updates(found.steps_per_epoch) == steps


def test_no_number_of_steps_is_few_rounds():
    for steps in range(1, 3000):
        count = -(-steps // round_of(steps))
        assert min(steps, LEAST_ROUNDS) <= count <= MOST_ROUNDS, steps


def test_what_goes_on_takes_more_steps():
    begun = config(steps=100)
    new, changed, has_more = resumed_config(begun, config(steps=200), "run", is_finished=True)
    assert (new.steps, new.steps_per_epoch, new.epochs) == (200, 10, 20)
    assert changed == ["steps"] and has_more
    # A last round that was shorter is no hindrance: neither that of the run nor the new one.
    for own, more in ((100, 205), (2003, 4000), (2003, 2004)):
        new, _, has_more = resumed_config(config(steps=own), config(steps=more), "run", True)
        assert (new.steps, new.steps_per_epoch, has_more) == (more, round_of(own), True)
        assert new.epochs == -(-more // round_of(own))


@pytest.mark.parametrize(
    ("begun", "asked", "message"),
    [
        (dict(steps=100), dict(epochs=30), "`epochs` 30 does not go with"),
        (dict(epochs=2), dict(steps=100), "begun with `steps` None, not 100"),
        (dict(steps=100), dict(batch_size=3), "begun with `batch_size` 12, not 3"),
    ],
)
def test_what_goes_on_cannot_become_another(begun, asked, message):
    with pytest.raises(InputError, match=message):
        resumed_config(config(**begun), config(**asked), "run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(train=None), "give `train` a file"),
        (dict(preset="huge"), "Unknown preset 'huge'"),
        (dict(epochs=2, steps=3), "cannot be given together"),
        (dict(steps=0), "`steps` must be a positive integer"),
        (dict(tokenizer="words"), "`tokenizer` must be one of bytes, bpe, characters"),
        (dict(max_sequence_length=1), "`max_sequence_length` must be 2 or more"),
        (dict(final_rate_share=1.5), "at most 1"),
        (dict(initial_weights="run", preset="nano"), "`preset` is for random weights"),
        (dict(initial_weights="run", tokenizer="bpe"), "`tokenizer` is for random weights"),
        (dict(no_such=1), "Unknown option 'no_such'"),
        (dict(dropout=1.0), "`dropout` must be"),
        (dict(sample_prompt=""), "`sample_prompt` must be a text that is not empty"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        config(**options)
