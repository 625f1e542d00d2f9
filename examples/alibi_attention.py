"""An attention of one's own in a language model: ALiBi (Press et al. 2022), trained and exported.

python examples/alibi_attention.py INPUT.txt [--output alibi] [--epochs 2]

The logits of a key fall with its distance, and no position is learned. So the model reads windows
four times as long as those that it was trained on.
"""

import argparse
from pathlib import Path

import keras_attention
from keras_attention import models, text, training
from keras_attention.layers import GPTDecoder, MultiHeadAttention

import keras
import numpy as np
from keras import ops

CONTEXT = 32  # tokens of the windows that it is trained on


@keras.saving.register_keras_serializable(package="examples")
class ALiBiAttention(MultiHeadAttention):
    """Takes from each logit the distance of its key, by a slope of each head's own."""

    def score(self, query, key, query_positions, key_positions):
        slopes = 2.0 ** (-8 * np.arange(1, self.num_heads + 1) / self.num_heads)
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        bias = ops.expand_dims(ops.cast(distance, query.dtype), -3) * slopes[:, None, None]
        return super().score(query, key, query_positions, key_positions) - bias


@keras.saving.register_keras_serializable(package="examples")
class ALiBiDecoder(GPTDecoder):
    """A block whose hook makes the attention above; the rest is inherited."""

    def make_attention(self, hidden_dim, name):
        return ALiBiAttention.from_config(super().make_attention(hidden_dim, name).get_config())


@keras.saving.register_keras_serializable(package="examples")
class ALiBiGPT(models.GPT):
    """A GPT of such blocks, without learned positions."""

    def make_embedding(self, *arguments, **options):
        return super().make_embedding(*arguments, positions=None, **options)

    def make_block(self, **options):
        return ALiBiDecoder(**options)


def main(texts, output="alibi", epochs=2):
    """Leaves an artifact in `output`; returns the losses by the lengths of windows, and texts."""
    keras.utils.set_random_seed(0)
    tokenizer = text.ByteTokenizer()
    stream = text.TokenStream.of(text.read_documents([texts]), tokenizer)
    batches = text.LanguageModelBatches(stream, CONTEXT, batch_size=32)
    model = ALiBiGPT(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=2,
        num_heads=4,
        hidden_dim=64,
        dropout=0.0,
        max_sequence_length=8 * CONTEXT,
        special_ids=tokenizer.special_ids,
    )
    loss = training.LabelSmoothedCrossEntropy(0.0, ignore_class=None)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    steps = dict(steps_per_epoch=len(batches), epochs=epochs, shuffle=False)
    model.fit(batches.dataset(), **steps)

    losses = {}
    for context in (CONTEXT, 4 * CONTEXT):
        windows = text.LanguageModelBatches(stream, context, batch_size=32, shuffled=False)
        losses[context] = model.evaluate(windows.dataset(epochs=1), verbose=0)
        print(f"windows of {context:>3} tokens: loss {losses[context]:.3f}")

    artifact = Path(output) / "artifact"
    keras_attention.export(model, artifact, tokenizer, examples=["The "], force=True, say=print)
    written = {
        runtime: keras_attention.load(artifact, runtime).generate(["The "], max_new_tokens=40)
        for runtime in ("tf_saved_model", "tflite", "onnx")
    }
    print(written)
    return losses, written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts")
    parser.add_argument("--output", default="alibi")
    parser.add_argument("--epochs", type=int, default=2)
    main(**vars(parser.parse_args()))
