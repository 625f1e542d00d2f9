"""A translator by the Python API: train with model.fit, export three ways, see that all agree.

python examples/translator.py OUTPUT [--epochs 4] [--pairs 50000]
"""

import argparse
from pathlib import Path

import keras

import keras_attention
from keras_attention.exporting import export_translator
from keras_attention.models import TransformerTranslator
from keras_attention.runtimes import keras_translator
from keras_attention.text import (
    TranslationBatches,
    TranslationTokenizer,
    phrase_corpus,
    train_sentencepiece,
)
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Perplexity,
    TokenAccuracy,
    TranslationScores,
    WarmupLinearSchedule,
)
from keras_attention.visualization import attention_of_sentence, save_attention_plot


def main(output, epochs=4, pairs=50_000):
    """Leaves an artifact and a picture in `output`; returns each runtime's exact match."""
    keras.utils.set_random_seed(0)

    # Text: English and German sentences, one vocabulary for both, batches of similar lengths.
    sources, targets = phrase_corpus(pairs)
    tokenizer = TranslationTokenizer(
        train_sentencepiece(sources + targets, vocabulary_size=500, normalization="identity")
    )
    batches = TranslationBatches(
        [tokenizer.source.encode(text) for text in sources],
        [tokenizer.target.encode(text) for text in targets],
        batch_tokens=2048,
    )

    # Model: a functional Keras model, compiled and fitted like any other.
    model = TransformerTranslator.from_preset(
        "tiny", vocabulary_size=tokenizer.target.vocabulary_size, dropout=0.1, normalize_first=True
    )
    schedule = WarmupLinearSchedule(3e-3, warmup_steps=500, total_steps=epochs * len(batches))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, beta_2=0.98),
        loss=LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy(), Perplexity()],
    )
    translator = keras_translator(model, tokenizer)
    scores = TranslationScores(translator.translate, *phrase_corpus(200, split="valid"))
    model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=epochs, callbacks=[scores])

    # Deployment: one directory with every form, each compared with Keras before it appears.
    artifact = export_translator(
        model, tokenizer, Path(output) / "artifact", phrase_corpus(100, split="valid")[0], say=print
    )
    sources, references = phrase_corpus(200, split="test")
    translators = {"keras": translator}
    for runtime in ("tf_saved_model", "tflite", "onnx"):
        translators[runtime] = keras_attention.load(artifact, runtime)
    matches = {}
    for runtime, each in translators.items():
        pairs = zip(each.translate(sources), references, strict=True)
        matches[runtime] = sum(found == reference for found, reference in pairs) / len(sources)
        print(f"{runtime:<15} exact match {matches[runtime]:.1%}")
    attention = attention_of_sentence(translator, "The meeting ends at half past seven.")
    save_attention_plot(attention, Path(output) / "alignment.png")
    return matches


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=50_000)
    main(**vars(parser.parse_args()))
