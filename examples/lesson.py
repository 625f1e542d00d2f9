"""One lesson in three steps: a block from scratch, BERT as it is, BERT trained on.

python examples/lesson.py TRAIN.csv VALID.csv BERT --output OUTPUT

The tables have the columns "text" and "label" (AG News, for example); BERT is a directory of
HuggingFace's: config.json, model.safetensors, vocab.txt.
"""

import argparse
from pathlib import Path

from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.train import train as train_classifier
from keras_attention.text import read_labelled


def main(train, valid, bert, output, **options):
    """Leaves three runs in `output`; returns the accuracy of each on the validation texts."""
    steps = {
        # Attention alone already classifies: a single block of width 32 over learned embeddings.
        "one block from scratch": dict(preset="lesson", epochs=5),
        # What pretraining has learned is in the encoder's output: a linear layer on it will do.
        "frozen BERT": dict(
            initial_weights=bert, freeze_encoder=True, pooling="mean", learning_rate=1e-2
        ),
        # And the encoder itself can learn what these texts are about.
        "BERT": dict(initial_weights=bert, pooling="mean", learning_rate=1e-4),
    }
    data = read_labelled(valid)
    accuracies = {}
    for name, step in steps.items():
        config = ClassifierConfig.for_preset(train=train, valid=valid, **{**step, **options})
        run = Path(output) / name.replace(" ", "-").lower()
        classifier = train_classifier(config, run, force=True)
        found = classifier.classify(data.texts)
        right = sum(a == b for a, b in zip(found, data.labels, strict=True))
        accuracies[name] = right / len(data)
        parameters = classifier.model.count_params()
        print(f"{name:<24} {parameters:>12,} parameters   accuracy {accuracies[name]:.1%}")
    return accuracies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("train", "valid", "bert"):
        parser.add_argument(name)
    parser.add_argument("--output", default="lesson")
    main(**vars(parser.parse_args()))
