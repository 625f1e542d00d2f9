"""What `keras.ops` lacks, on TensorFlow and JAX: loops, recurrence, matrix products, bits."""
