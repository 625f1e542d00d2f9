"""What a language model writes while it is trained, and its validation loss in other units."""

import math

import keras

from keras_attention.tasks.language_model.language_model_scores import perplexity

SAMPLED_TOKENS = 60


class BitsPerByte(keras.callbacks.Callback):
    """Adds `val_bits_per_byte` to the logs of an epoch, from its `val_loss`.

    Args:
        tokens: the validation tokens that the loss is the mean of.
        size: the bytes of their text.
    """

    def __init__(self, tokens, size):
        super().__init__()
        self.factor = tokens / (math.log(2) * max(1, size))

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None and "val_loss" in logs:
            logs["val_bits_per_byte"] = self.factor * float(logs["val_loss"])

    def sentence(self, loss):
        """A validation loss in all units, in words."""
        return (
            f"{loss:.4f} nats a token, perplexity {perplexity(loss):.2f}, "
            f"{self.factor * loss:.4f} bits a byte"
        )


class ShownSamples(keras.callbacks.Callback):
    """Shows what the model goes on with after each epoch. The sample of an epoch has its seed.

    Args:
        generator: `TextGenerator` of the model that is trained.
        prompt: string.
        say: function of a string.
        seed: integer, of the first epoch's sample.
    """

    def __init__(self, generator, prompt, say, seed=0):
        super().__init__()
        self.generator, self.prompt, self.say, self.seed = generator, prompt, say, seed

    def on_epoch_end(self, epoch, logs=None):
        (text,) = self.generator.generate(
            [self.prompt],
            max_new_tokens=SAMPLED_TOKENS,
            sample=True,
            temperature=0.8,
            seed=self.seed + epoch,
        )
        self.say(f"sample: {self.prompt}|{text}")
