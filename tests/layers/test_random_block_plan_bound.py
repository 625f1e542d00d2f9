"""The plan of random blocks is made before a file's weights are compared: its size is bounded."""

import pytest

from keras_attention.layers.random_block_plan import random_block_plan


@pytest.mark.parametrize(
    "options",
    [
        dict(max_sequence_length=2**31 - 1),
        dict(num_heads=10**6),
        dict(window=2**31 - 1),
        dict(ends=10**7),
        dict(count=10**7),
    ],
)
def test_sizes_that_would_fill_the_memory(options):
    sizes = dict(num_heads=4, max_sequence_length=4096, block_size=4, window=3, ends=1, count=3)
    with pytest.raises(ValueError, match="`max_sequence_length` must be one of which the plan has"):
        random_block_plan("original", **{**sizes, **options})
    assert random_block_plan("hugging_face", **sizes).shape == (4, 1024, 3)
