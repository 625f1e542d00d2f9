"""A small language model by the Python API: train with model.fit, export, let runtimes write.

python examples/language_model.py INPUT.txt [--output language-model] [--epochs 2]
"""

import argparse
from pathlib import Path

import keras_attention
from keras_attention import models, text, training

import keras

RUNTIMES = ("tf_saved_model", "tflite", "onnx")


def main(texts, output="language-model", epochs=2, vocabulary_size=1000, context=64, **sizes):
    """Leaves an artifact in `output`; returns what Keras and each runtime write after "The "."""
    keras.utils.set_random_seed(0)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)

    # Text: a vocabulary of byte pairs, and all tokens in a file that is mapped into memory.
    documents = [part for part, _ in text.read_documents([texts])]
    tokenizer = text.BytePairTokenizer.train(documents, vocabulary_size)
    stream = text.TokenStream.write(output, text.read_documents([texts]), tokenizer)
    batches = text.LanguageModelBatches(stream, context, batch_size=16)

    # Model: a functional Keras model, compiled and fitted like any other.
    model = models.GPT.from_preset(
        "nano",
        vocabulary_size=tokenizer.vocabulary_size,
        max_sequence_length=2 * context,
        special_ids=tokenizer.special_ids,
        **sizes,
    )
    schedule = training.WarmupLinearSchedule(3e-3, 50, total_steps=epochs * len(batches))
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.1, beta_2=0.99),
        loss=training.LabelSmoothedCrossEntropy(0.0, ignore_class=None),
        weighted_metrics=[training.Perplexity(ignore_class=None)],
    )
    # The batches are in a random order of their own, hence no shuffling.
    steps = dict(steps_per_epoch=len(batches), epochs=epochs, shuffle=False)
    model.fit(batches.dataset(), **steps)

    # Deployment: one directory with every format, each compared with Keras before it appears.
    run, artifact = output / "run", output / "artifact"
    keras_attention.save_run(model, tokenizer, run, force=True)
    keras_attention.export(run, artifact, force=True, say=print)
    generators = {"keras": keras_attention.load(run)}
    for runtime in RUNTIMES:
        generators[runtime] = keras_attention.load(artifact, runtime)
    written = {}
    for runtime, generator in generators.items():
        (written[runtime],) = generator.generate(["The "], max_new_tokens=40)
        print(f"{runtime:<15} The {written[runtime]!r}")
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts")
    parser.add_argument("--output", default="language-model")
    parser.add_argument("--epochs", type=int, default=2)
    main(**vars(parser.parse_args()))
