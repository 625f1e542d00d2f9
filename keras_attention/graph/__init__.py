"""What `keras.ops` lacks, on TensorFlow and JAX: loops, recurrence, matrix products, bits."""

import keras  # noqa: F401 (before all modules of ours, which it brings: see _keras_hook)
