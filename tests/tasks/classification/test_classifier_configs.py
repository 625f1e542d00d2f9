import pytest

from keras_attention._validation import InputError
from keras_attention.models import classifier
from keras_attention.tasks.classification import classifier_config
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.classification.training import make_classifier
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig

HEAD = ("pooling", "classifier_dim", "classifier_dropout", "pooled_dropout")


def test_defaults_suit_the_weights():
    lesson = ClassifierConfig.for_preset(train="a.csv")
    assert (lesson.preset, lesson.vocabulary_size, lesson.epochs) == ("lesson", 20_000, 5)
    given = ClassifierConfig.for_preset(train="a.csv", preset="lesson", epochs=2, dropout=None)
    assert (given.epochs, given.dropout, given.learning_rate) == (2, None, lesson.learning_rate)
    published = ClassifierConfig.for_preset(initial_weights="weights", train="a.csv")
    assert published.preset is None and published.learning_rate is None  # the weights say it
    assert MaskedLMConfig.for_preset("mini", train="a").learning_rate == 1e-3
    assert MaskedLMConfig.for_preset(train="a").preset == "tiny"


@pytest.mark.parametrize("make", [ClassifierConfig.for_preset, MaskedLMConfig.for_preset])
def test_unknown_presets_and_contradictions(make):
    with pytest.raises(InputError, match="Unknown preset 'huge'; expected one of .*tiny, mini"):
        make(train="a.csv", preset="huge")
    with pytest.raises(InputError, match="`preset` is for random weights: with `initial_weights`"):
        make(train="a.csv", preset="tiny", initial_weights="weights")
    with pytest.raises(InputError, match="give `train` a file"):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(epochs=0), "`epochs` must be a positive integer. Received: epochs=0"),
        (dict(batch_size=-1), "`batch_size` must be a positive integer"),
        (dict(pooling="max"), "`pooling` must be one of"),
        (dict(dropout=1.0), "`dropout` must be a number in"),
        (dict(layer_decay=0), "`layer_decay` must be a number above 0"),
        (dict(layer_decay=0.9, freeze_encoder=True), "`layer_decay` concerns the layers that"),
        (dict(class_weights="some"), "`class_weights` must be one of"),
        (dict(patience=0), "`patience` must be a positive integer. Received: patience=0"),
    ],
)
def test_values_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ClassifierConfig(train="a.csv", **options)


@pytest.mark.parametrize("config", [ClassifierConfig, MaskedLMConfig])
@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("learning_rate", [0, -1.0, float("nan"), float("inf"), "1", True], "a number above 0"),
        ("clip_norm", [0, -1], "a number above 0"),
        ("warmup_share", [-0.1, 5, "half"], "a number from 0 to 1"),
        ("weight_decay", [-1, float("nan"), None], "a number that is not negative"),
        ("snapshot_every", [0, -3, 1.5], "a positive integer"),
        ("max_buckets", [0], "a positive integer"),
        ("max_sequence_length", [0], "a positive integer"),
        ("max_sequence_length", [1, 2], "3 or more"),
        ("dropout", [-0.1, 1], r"a number in \[0, 1\)"),
    ],
)
def test_what_both_trainings_refuse(config, name, values, expected):
    for value in values:
        with pytest.raises(ValueError, match=f"`{name}` must be {expected}.*Received: {name}="):
            config(train="a.csv", **{name: value})


def test_options_that_would_change_nothing():
    for make in (ClassifierConfig.for_preset, MaskedLMConfig.for_preset):
        for option, name in (
            (dict(vocabulary_size=9), "vocabulary_size"),
            (dict(lowercase=False), "lowercase"),
        ):
            with pytest.raises(InputError, match=f"`{name}` is for random weights: with `initial"):
                make(train="a.csv", initial_weights="weights", **option)
            make(train="a.csv", **option)
    with pytest.raises(InputError, match="`freeze_encoder` is for `initial_weights`"):
        ClassifierConfig.for_preset(train="a.csv", preset="tiny", freeze_encoder=True)
    with pytest.raises(InputError, match="`pooling` concerns encoders of a family: les"):
        ClassifierConfig.for_preset(train="a.csv", preset="lesson", pooling="pooled")


def test_the_lesson_has_its_published_size():
    config = ClassifierConfig.for_preset(train="a.csv", preset="lesson")
    assert make_classifier(config, None, config.vocabulary_size, 4).count_params() == 659_592


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (dict(family="bert"), ("pooled", None, 0.1, None)),
        (dict(family="bert", pooling="cls", dropout=0.3), ("cls", None, 0.3, None)),
        (dict(family="distilbert"), ("cls", 128, 0.2, 0.0)),
        (dict(family="distilbert", pooling="cls", dropout=0.3), ("cls", 128, 0.3, 0.0)),
        (dict(family="distilbert", pooling="mean"), ("mean", None, 0.1, None)),
    ],
)
def test_the_head_is_that_of_the_published_classifiers_unless_another_is_asked_for(
    options, expected
):
    config = ClassifierConfig.for_preset(train="a.csv", preset="tiny", **options)
    config.labels = ["a", "b"]
    for _ in range(2):  # as when it resumes
        model = make_classifier(config, None, 20, 2)
        found = [getattr(model, name) for name in HEAD]
        assert tuple(found) == expected
        config = ClassifierConfig.from_dict(config.to_dict())
    assert config.pooling == expected[0]
    assert model.encoder.dropout == options.get("dropout", 0.1)


def test_every_pooling_of_a_classifier_can_be_asked_for():
    assert classifier_config.POOLINGS == classifier.POOLINGS


@pytest.mark.parametrize("config", [ClassifierConfig, MaskedLMConfig])
def test_there_and_back(config):
    made = config(train="a.csv", epochs=7)
    assert config.from_dict(made.to_dict()) == made
    with pytest.raises(InputError, match="of another kind: 'translator', not"):
        config.from_dict({**made.to_dict(), "kind": "translator"})
