"""A sentiment classifier: published weights, trained on with model.fit, exported three ways.

python examples/sentiment.py REVIEWS.tsv BERT --output OUTPUT

The table has the columns "text" and "label"; BERT is a directory of HuggingFace's.
"""

import argparse
from pathlib import Path

import keras_attention
from keras_attention import checkpoints, models, text, training
from keras_attention.tasks.classification.text_classifier import keras_classifier

import keras


def main(reviews, bert, output, epochs=1, batch_size=32, max_length=64):
    """Leaves an artifact in `output`; returns each runtime's accuracy on reviews not trained on."""
    keras.utils.set_random_seed(0)

    # Text: labels from the data, a tenth of it to validate on, the weights' own vocabulary.
    train, valid = text.split_labelled(text.read_labelled(reviews), share=0.1)
    labels = text.label_names(train.labels)
    tokenizer = checkpoints.load_tokenizer(bert)
    rows = tokenizer.encode(train.texts, max_length=max_length)
    ids = text.label_ids(train, labels)
    batches = text.ClassificationBatches(rows.token_ids, None, ids, batch_size)

    # Model: the published encoder with a new head, compiled and fitted like any other.
    encoder = checkpoints.load_hugging_face(bert, task="encoder")
    model = models.Classifier(encoder, len(labels), pooling="mean", labels=labels)
    steps = epochs * len(batches)
    model.compile(
        training.LayerwiseAdamW(training.WarmupLinearSchedule(1e-4, steps // 10 + 1, steps)),
        # The last batch is filled up with rows of weight 0.
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=["accuracy"],
    )
    model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=epochs, shuffle=False)

    # Deployment: one directory with every format, each compared with Keras before it appears.
    artifact = Path(output) / "artifact"
    keras_attention.export(
        model,
        artifact,
        tokenizer,
        config={"max_sequence_length": max_length},
        examples=valid.texts[:200],
        say=print,
    )
    classifiers = {"keras": keras_classifier(model, tokenizer, labels, max_length)}
    for runtime in ("tf_saved_model", "tflite", "onnx"):
        classifiers[runtime] = keras_attention.load(artifact, runtime)
    accuracies = {}
    for runtime, classifier in classifiers.items():
        found = classifier.classify(valid.texts)
        right = sum(a == b for a, b in zip(found, valid.labels, strict=True))
        accuracies[runtime] = right / len(valid)
        print(f"{runtime:<15} accuracy {accuracies[runtime]:.1%}")
    return accuracies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reviews")
    parser.add_argument("bert")
    parser.add_argument("--output", default="sentiment")
    parser.add_argument("--epochs", type=int, default=1)
    main(**vars(parser.parse_args()))
