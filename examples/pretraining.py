"""What texts without labels are good for: pretrain on them, then learn from few labels.

python examples/pretraining.py TEXTS LABELLED.tsv VALID.tsv --output OUTPUT

TEXTS is a file of one text a line; the tables have the columns "text" and "label".
"""

import argparse
from pathlib import Path

from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.tasks.train import train
from keras_attention.text import read_labelled


def main(texts, labelled, valid, output, epochs=60, seeds=5, vocabulary_size=8000, **options):
    """Leaves the runs in `output`; returns the accuracies by what training began with."""
    output = Path(output)
    pretrained = output / "pretrained"
    config = MaskedLMConfig.for_preset(
        "mini", train=texts, epochs=epochs, vocabulary_size=vocabulary_size, **options
    )
    train(config, pretrained, force=True)

    data = read_labelled(valid)
    beginnings = {
        "random weights": dict(preset="mini", vocabulary_size=vocabulary_size),
        "pretrained weights": dict(initial_weights=str(pretrained)),
    }
    accuracies = {}
    for name, beginning in beginnings.items():
        accuracies[name] = []
        for seed in range(seeds):
            config = ClassifierConfig.for_preset(
                train=labelled,
                valid=labelled,  # of few labels none is set aside
                seed=seed,
                epochs=10,
                learning_rate=5e-4,
                pooling="mean",
                **beginning,
                **options,
            )
            run = output / f"{name.replace(' ', '-')}-{seed}"
            found = train(config, run, force=True, quiet=True).classify(data.texts)
            right = sum(a == b for a, b in zip(found, data.labels, strict=True))
            accuracies[name].append(right / len(data))
        listed = ", ".join(f"{accuracy:.1%}" for accuracy in accuracies[name])
        print(f"{name:<20} accuracy with seeds 0 to {seeds - 1}: {listed}")
    return accuracies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("texts", "labelled", "valid"):
        parser.add_argument(name)
    parser.add_argument("--output", default="pretraining")
    parser.add_argument("--epochs", type=int, default=60)
    main(**vars(parser.parse_args()))
