"""A translator by the Python API: train with model.fit, export three ways, see that all agree.

python examples/translator.py OUTPUT [--epochs 5] [--pairs 50000]
"""

import argparse
from pathlib import Path

import keras_attention
from keras_attention import models, text, training, visualization
from keras_attention.tasks.translation.text_translator import keras_translator

import keras


def main(output, epochs=5, pairs=50_000, sentences=200):
    """Leaves an artifact and a picture in `output`; returns each runtime's exact match."""
    keras.utils.set_random_seed(0)

    # Text: English and German phrases, one vocabulary for both, batches of similar lengths.
    sources, targets = text.phrase_corpus(pairs)
    vocabulary = text.train_sentencepiece(sources + targets, 500, normalization="identity")
    tokenizer = text.TranslationTokenizer(vocabulary)
    rows = [[tokenizer.source.encode(line) for line in side] for side in (sources, targets)]
    batches = text.TranslationBatches(*rows, batch_tokens=2048)

    # Model: a functional Keras model, compiled and fitted like any other.
    size = tokenizer.target.vocabulary_size
    model = models.TransformerTranslator.from_preset(
        "tiny", vocabulary_size=size, dropout=0.1, normalize_first=True
    )
    schedule = training.WarmupLinearSchedule(3e-3, 500, total_steps=epochs * len(batches))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, beta_2=0.98),
        loss=training.LabelSmoothedCrossEntropy(0.1),
        metrics=[training.TokenAccuracy(), training.Perplexity()],
    )
    translator = keras_translator(model, tokenizer)
    valid = text.phrase_corpus(sentences, split="valid")
    scores = training.TranslationScores(translator.translate, *valid)
    # The batches are in a random order of their own, hence no shuffling.
    steps = dict(steps_per_epoch=len(batches), epochs=epochs, shuffle=False)
    model.fit(batches.dataset(), callbacks=[scores], **steps)

    # Deployment: one directory with every format, each compared with Keras before it appears.
    artifact = Path(output) / "artifact"
    keras_attention.export(model, artifact, tokenizer, examples=valid[0], say=print)
    sources, references = text.phrase_corpus(sentences, split="test")
    translators = {"keras": translator}
    for runtime in ("tf_saved_model", "tflite", "onnx"):
        translators[runtime] = keras_attention.load(artifact, runtime)
    matches = {}
    for runtime, each in translators.items():
        found = each.translate(sources)
        exact = sum(a == b for a, b in zip(found, references, strict=True))
        matches[runtime] = exact / sentences
        print(f"{runtime:<15} exact match {matches[runtime]:.1%}")
    attention = visualization.attention_of_sentence(translator, "The bus leaves at half past six.")
    visualization.save_attention_plot(attention, Path(output) / "alignment.png")
    return matches


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=50_000)
    main(**vars(parser.parse_args()))
