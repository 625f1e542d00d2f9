"""Speed and memory beside other programs, which all get the environment that this package sets.

So this is what a benchmark imports from first: before Keras, TensorFlow and what others bring. The
one exception is `environment.py`, which measures without.
"""

import keras_attention  # noqa: F401
