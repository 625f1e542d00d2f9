"""The source of the initial weights is written anew with the same arrays for another model."""

import json
import shutil

import pytest

from keras_attention._validation import InputError
from keras_attention.models import BertEncoder, Classifier
from keras_attention.runs.run_directory import read_model, save_model_atomically
from keras_attention.tasks import train as module
from keras_attention.tasks.train import asked_config, train
from tests.runs.small_runs import make_classifier_run, make_translator_run

CHANGES = {"num_heads": 4, "activation": "relu"}


def texts(folder):
    rows = [
        {"text": text, "label": label} for text, label in [("on monday", "a"), ("bcd", "b")] * 4
    ]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    sides = {}
    for side, line in (("source", "three hundred"), ("target", "dreihundert")):
        file = folder / f"{side}.txt"
        file.write_text(f"{line}\n" * 8)
        sides |= {f"{part}_{side}": str(file) for part in ("train", "valid")}
    one = dict.fromkeys(("train", "valid"), str(folder / "rows.jsonl"))
    return {"classifier": one, "masked-lm": one, "translator": sides}


def rewrite(source, **changes):
    """Another model of the same weights in the place of that of a run."""
    model = read_model(source)
    weights = model.get_weights()
    if isinstance(model, Classifier):
        encoder = BertEncoder.from_config({**model.encoder.get_config(), **changes})
        model = Classifier(encoder, 3)
    else:
        model = type(model).from_config({**model.get_config(), **changes})
    model.set_weights(weights)
    shutil.rmtree(source / "model.keras", ignore_errors=True)
    save_model_atomically(model, source / "model.keras")


@pytest.mark.parametrize("kind", ["classifier", "masked-lm", "translator"])
def test_a_training_does_not_go_on_with_another_model(kind, tmp_path, monkeypatch):
    make = make_translator_run if kind == "translator" else make_classifier_run
    source, run = make(tmp_path / "source"), tmp_path / "run"
    options = dict(initial_weights=str(source), max_sequence_length=12, **texts(tmp_path)[kind])
    fitted = []
    monkeypatch.setattr(module, "fit", lambda run, model, *args, **others: fitted.append(model))
    train(asked_config(kind, run, **options), run, quiet=True)

    def resume():
        train(asked_config(kind, run, resume=True, epochs=2), run, resume=True, quiet=True)

    resume()
    if kind != "translator":  # whose dropout the training says
        rewrite(source, dropout=0.3)
        with pytest.raises(InputError, match="`[a-z_.]*dropout` was 0.1 and is 0.3"):
            resume()
    rewrite(source, dropout=0.1, **CHANGES)
    with pytest.raises(InputError, match="another model: .*num_heads` was 2 and is 4. A train"):
        resume()
    assert len(fitted) == 2
