"""Trainings with a teacher: what the student begins with, learns, keeps and refuses."""

import csv
import json
from unittest import mock

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.models import (
    BertEncoder,
    BigBirdEncoder,
    Classifier,
    LessonClassifier,
    MaskedLM,
)
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks.distillation import Teacher, layers_to_take, new_encoder
from keras_attention.tasks.load import load
from keras_attention.tasks.save_run import save_run
from keras_attention.tasks.train import asked_config, train
from keras_attention.text import WordPieceTokenizer, read_texts
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_here
from tests.labelled_sentences import LABELS
from tests.made_once import made_once
from tests.tasks.small_classifier import small_classifier, small_masked_lm, write_data
from tests.tasks.stopped_at import stopped_at
from tests.training.distilled import spread


def teacher_encoder(tokenizer, **options):
    sizes = dict(num_layers=4, num_heads=2, hidden_dim=16, intermediate_dim=20, dropout=0.2)
    sizes |= dict(max_sequence_length=40, vocabulary_size=tokenizer.vocabulary_size)
    made = BertEncoder(**{**sizes, **options})
    spread(made, 7)
    return made


def make_teachers(folder):
    """Labelled sentences, and runs of a classifier and of a masked LM that read them."""
    write_data(folder)
    texts = read_texts(folder / "train.jsonl", "text")
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer.train(texts, 200, True)
    encoder = teacher_encoder(tokenizer)
    classifier = Classifier(encoder, 3, pooling="mean", labels=LABELS)
    save_run(classifier, tokenizer, folder / "classifier")
    save_run(MaskedLM(encoder), tokenizer, folder / "masked-lm")


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return made_once(tmp_path_factory, "teachers", make_teachers)


def student_of_classifier(data, **options):
    return small_classifier(data, **{**common(data, "classifier"), **options})


def student_of_masked_lm(data, **options):
    return small_masked_lm(data, **{**common(data, "masked-lm"), **options})


def common(data, kind):
    return dict(teacher=str(data / kind), vocabulary_size=None, epochs=1, learning_rate=1e-3)


STUDENTS = {"classifier": student_of_classifier, "masked-lm": student_of_masked_lm}


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("count, of, taken", [(6, 12, [0, 2, 4, 7, 9, 11]), (3, 6, [0, 2, 5])])
def test_the_layers_of_published_students(count, of, taken):
    """Those of DistilBERT; of one, and of as many."""
    assert layers_to_take(count, of) == taken
    assert layers_to_take(1, of) == [0]
    assert layers_to_take(of, of) == list(range(of))


@pytest.mark.parametrize("kind", STUDENTS)
def test_a_student_of_every_second_layer(kind, data, tmp_path, capsys):
    config = STUDENTS[kind](data, learning_rate=1e-12)
    assert config.distillation_temperature == 2.0
    assert config.distillation_weights == [5.0, 2.0, 1.0]
    train(config, tmp_path / "run")
    said = capsys.readouterr().out
    begun = "The student begins with the embeddings and the layers 0, 3 (of 0 to 3) of"
    assert begun in said
    teacher, student = read_model(data / kind), read_model(tmp_path / "run")
    assert type(student) is type(teacher)
    assert f"{student.count_params():,} parameters, " in said
    assert student.encoder.num_layers == 2
    taken = zip(student.encoder.blocks, teacher.encoder.blocks[::3], strict=True)
    pairs = [*taken, (student.encoder.embedding, teacher.encoder.embedding)]
    name = "classifier" if kind == "classifier" else "masked_lm"
    pairs += [(student.get_layer(name), teacher.get_layer(name))]
    for own, other in pairs:
        for left, right in zip(own.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(left, right, atol=1e-6)
    (row,) = history(tmp_path / "run")
    assert {"soft_loss", "hard_loss", "hidden_loss", "val_loss", "val_accuracy"} <= set(row)
    assert "val_soft_loss" not in row
    total = sum(
        weight * float(row[f"{part}_loss"])
        for part, weight in (("soft", 5), ("hard", 2), ("hidden", 1))
    )
    assert float(row["loss"]) == pytest.approx(total, rel=1e-4)
    values = json.loads((tmp_path / "run" / "config.json").read_text())
    assert values["teacher"] == str(data / kind)
    assert values["distillation_weights"] == [5.0, 2.0, 1.0]
    tokenizers = [load(run).tokenizer for run in (data / kind, tmp_path / "run")]
    assert tokenizers[0].vocabulary == tokenizers[1].vocabulary


def test_a_student_of_another_width(data, tmp_path):
    config = student_of_classifier(data, preset="lesson", epochs=2, distillation_weights="1,1,3")
    train(config, tmp_path / "run", quiet=True)
    first, last = (float(row["hidden_loss"]) for row in history(tmp_path / "run"))
    assert last < 0.9 * first
    student = read_model(tmp_path / "run")
    assert not [w.path for w in student.weights if "hidden_projection" in w.path]
    assert load(tmp_path / "run").classify(["A lovely film."])[0] in LABELS


@pytest.mark.parametrize(
    "changed, problem",
    [
        (dict(hidden_dim=8), "its hidden_dim is 8, the teacher's 16"),
        (dict(num_heads=4), "its num_heads is 4, the teacher's 2"),
        (dict(num_layers=5), "it has 5 layers, the teacher 4"),
        (dict(max_sequence_length=9, num_layers=3, num_segments=1), None),
    ],
)
def test_a_preset_begins_with_the_layers_that_fit(changed, problem, data):
    tokenizer = WordPieceTokenizer.load(data / "classifier" / "tokenizer")
    model = read_model(data / "classifier")
    sizes = dict(num_layers=4, num_heads=2, hidden_dim=16, intermediate_dim=20)
    config = student_of_classifier(data, preset="tiny", max_sequence_length=9)
    said = []
    with mock.patch.dict(BertEncoder.presets, tiny={**sizes, **changed}):
        encoder, head = new_encoder(config, Teacher(model, tokenizer, {}), said.append)
    assert encoder.vocabulary_size == model.encoder.vocabulary_size
    if problem is not None:
        assert said == [f"The student begins with random weights: {problem}."]
        assert head is None
        return
    assert "the layers 0, 2, 3 (of 0 to 3) of" in said[0] and head is model
    own, other = encoder.embedding.get_weights(), model.encoder.embedding.get_weights()
    np.testing.assert_array_equal(own[0], other[0])
    np.testing.assert_array_equal(own[1], other[1][:9])
    last = encoder.blocks[2].get_weights(), model.encoder.blocks[3].get_weights()
    for left, right in zip(*last, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_bigbird_teacher_of_another_length(data):
    """The plans of random blocks differ then: the student has its own, and the rest is taken."""
    tokenizer = WordPieceTokenizer.load(data / "classifier" / "tokenizer")
    sizes = dict(num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=9, block_size=4)
    keras.utils.set_random_seed(4)
    source = BigBirdEncoder(
        tokenizer.vocabulary_size, **sizes, num_random_blocks=1, max_sequence_length=160
    )
    spread(source, 4)
    teacher = Teacher(Classifier(source, 3, labels=LABELS), tokenizer, {})
    config = student_of_classifier(data, preset="tiny", family="bigbird", max_sequence_length=64)
    said = []
    with mock.patch.dict(BigBirdEncoder.presets, tiny={**sizes, "num_random_blocks": 1}):
        encoder, head = new_encoder(config, teacher, said.append)
    assert head is teacher.model and "the layers 0, 1 (of 0 to 1)" in said[0]
    for own, other in zip(encoder.blocks, source.blocks, strict=True):
        for weight, value in zip(own.weights, other.weights, strict=True):
            if weight.dtype == "int32":
                assert weight.shape != value.shape
            else:
                np.testing.assert_array_equal(weight, value)


@pytest.mark.slow
def test_initial_weights_beside_a_teacher(data, tmp_path, capsys):
    begin = tmp_path / "begin"
    tokenizer = load(data / "classifier").tokenizer
    save_run(MaskedLM(teacher_encoder(tokenizer, num_layers=1, hidden_dim=8)), tokenizer, begin)
    config = student_of_classifier(data, initial_weights=str(begin), learning_rate=1e-12)
    train(config, tmp_path / "run")
    assert f"The student begins with {begin}." in capsys.readouterr().out
    before, after = (read_model(path).encoder for path in (begin, tmp_path / "run"))
    for left, right in zip(before.blocks[0].weights, after.blocks[0].weights, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def test_the_student_comes_nearer_to_its_teacher(data, tmp_path):
    """Soft targets alone: it answers as its teacher does, whatever the labels say."""
    config = student_of_classifier(
        data, epochs=8, learning_rate=3e-3, distillation_weights=[1, 0, 0], dropout=0.0
    )
    student = train(config, tmp_path / "run", quiet=True)
    rows = history(tmp_path / "run")
    assert float(rows[-1]["soft_loss"]) < 0.3 * float(rows[0]["soft_loss"])
    texts = [json.loads(line)["text"] for line in (data / "train.jsonl").read_text().splitlines()]
    answers = [x.probabilities(texts) for x in (load(data / "classifier"), student)]
    assert np.abs(answers[0] - answers[1]).mean() < 0.1


# Resuming


# The steps of masked LMs are made by chunks.
RESUMED = ["classifier", pytest.param("masked-lm", marks=pytest.mark.slow)]


def state(run):
    arrays, position = read_snapshot(snapshot_paths(run / "snapshots")[-1])
    return {name: array.tobytes() for name, array in arrays.items()}, position["step"]


@pytest.mark.parametrize("kind", RESUMED)
def test_a_training_goes_on_to_the_same_bits(kind, data, tmp_path, capsys):
    """With the projection of hidden states, whose weights a snapshot has and the run has not."""
    begin = tmp_path / "begin"
    tokenizer = load(data / "classifier").tokenizer
    save_run(MaskedLM(teacher_encoder(tokenizer, num_layers=1, hidden_dim=8)), tokenizer, begin)
    options = dict(epochs=2, initial_weights=str(begin), snapshot_every=4)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(STUDENTS[kind](data, **options), whole)
    assert f"The student begins with {begin}." in capsys.readouterr().out
    with stopped_at(6):
        train(STUDENTS[kind](data, **options), stopped, quiet=True)
    train(asked_config(kind, stopped, resume=True), stopped, resume=True, quiet=True)
    (arrays, step), (others, other_step) = state(whole), state(stopped)
    assert step == other_step
    assert arrays == others
    weights = [read_model(run).get_weights() for run in (whole, stopped)]
    for left, right in zip(*weights, strict=True):
        np.testing.assert_array_equal(left, right)
    assert history(whole)[1] == history(stopped)[1]


def test_what_may_change_when_it_goes_on(data, tmp_path):
    run = tmp_path / "run"
    train(student_of_classifier(data), run, quiet=True)

    def go_on(**options):
        return train(
            asked_config("classifier", run, resume=True, **options), run, resume=True, quiet=True
        )

    go_on(epochs=2, distillation_temperature=4.0, distillation_weights="1,1,1")
    values = json.loads((run / "config.json").read_text())
    assert (values["distillation_temperature"], values["distillation_weights"]) == (4, [1, 1, 1])
    for options in (dict(distillation_weights="1,1,0"), dict(preset="tiny")):
        with pytest.raises(InputError, match="was begun with"):
            go_on(epochs=3, **options)
    with pytest.raises(InputError, match="was begun with other data: its teacher differ"):
        other = tmp_path / "other"
        tokenizer = load(data / "classifier").tokenizer
        encoder = teacher_encoder(tokenizer, num_layers=3)
        save_run(Classifier(encoder, 3, "mean", labels=LABELS), tokenizer, other)
        go_on(epochs=3, teacher=str(other))


# Refusals


def small_run(data, path, **options):
    """A classifier's run with other texts to read or other answers."""
    tokenizer = load(data / "classifier").tokenizer
    config = {name: options.pop(name) for name in ("pair_column",) if name in options}
    labels = options.pop("labels", LABELS)
    sizes = {n: options.pop(n) for n in ("max_sequence_length",) if n in options}
    encoder = teacher_encoder(tokenizer, num_layers=1, **sizes)
    made = Classifier(encoder, len(labels), "mean", labels=labels, **options)
    save_run(made, tokenizer, path, **config)
    return str(path)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(labels=["a", "b", "c"]), "has other labels, a, b, c, than the training texts"),
        (dict(pair_column="other"), "classifies pairs of texts, and `pair_column` asks for texts"),
        (
            dict(problem_type="multi_label_classification"),
            "is trained for multi_label_classification, and `problem_type` asks for single_label",
        ),
        (dict(max_sequence_length=20), "`max_sequence_length` 32 is more than the 20 positions of"),
    ],
)
def test_a_teacher_that_does_not_fit(options, message, data, tmp_path):
    teacher = small_run(data, tmp_path / "teacher", **options)
    with pytest.raises(InputError, match=message):
        train(student_of_classifier(data, teacher=teacher), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_another_task(data, tmp_path):
    config = student_of_classifier(data, teacher=str(data / "masked-lm"))
    with pytest.raises(InputError, match="is a run of another kind: 'masked-lm', not a classifier"):
        train(config, tmp_path / "run", quiet=True)


def test_a_teacher_of_another_vocabulary(data, tmp_path):
    begin = tmp_path / "begin"
    tokenizer = WordPieceTokenizer.train(["some other words"] * 9, 60, True)
    save_run(MaskedLM(teacher_encoder(tokenizer)), tokenizer, begin)
    config = student_of_masked_lm(data, initial_weights=str(begin))
    with pytest.raises(InputError, match="has another vocabulary than .*: a student reads"):
        train(config, tmp_path / "run", quiet=True)


def test_a_teacher_without_layers(data, tmp_path):
    tokenizer = load(data / "classifier").tokenizer
    sizes = dict(vocabulary_size=tokenizer.vocabulary_size, max_sequence_length=40)
    save_run(LessonClassifier(3, **sizes, labels=LABELS), tokenizer, tmp_path / "lesson")
    config = student_of_classifier(data, teacher=str(tmp_path / "lesson"))
    with pytest.raises(InputError, match="has no layers to begin with: give `preset` or"):
        train(config, tmp_path / "run", quiet=True)


@pytest.mark.parametrize(
    "given, message",
    [
        (["--distillation-temperature", "3"], "--distillation-temperature is for distillation"),
        (["--distillation-weights", "1,1,1"], "--distillation-weights is for distillation"),
        (["--teacher", "T", "--distillation-weights", "1,1"], "must be three numbers from 0 on"),
        (["--teacher", "T", "--distillation-weights", "1,x,1"], "must be three numbers from 0 on"),
        (["--teacher", "T", "--distillation-weights", "0,0,0"], "must be three numbers from 0 on"),
        (["--teacher", "T", "--distillation-weights=-1,1,1"], "must be three numbers from 0 on"),
        (["--teacher", "T", "--distillation-temperature", "0"], "must be a number above 0"),
        (["--teacher", "T", "--vocabulary-size", "9"], "with a --teacher the vocabulary is the"),
        (["--teacher", "T"], "T"),
    ],
)
@pytest.mark.parametrize("kind", STUDENTS)
def test_options_that_make_no_sense(kind, given, message, data, tmp_path, capfd):
    options = ["--train", str(data / "train.jsonl"), "--output", str(tmp_path / "run")]
    status, _, said = run_here(capfd, "train", kind, *options, *given)
    assert status == 2
    assert len(said.strip().splitlines()) == 1 and message in said
