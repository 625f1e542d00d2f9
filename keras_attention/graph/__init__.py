"""Graph operations that `keras.ops` lacks, on TensorFlow and JAX: loops, recurrences, products."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)
