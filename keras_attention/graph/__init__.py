"""Graph operations that `keras.ops` lacks, on TensorFlow and JAX: loops, recurrences, products."""
