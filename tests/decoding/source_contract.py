"""The part of a translator's step contract that follows from its source ids alone."""

from keras import ops

from keras_attention import masks
from keras_attention.decoding import StepContract
from keras_attention.decoding.length_limits import same_limits, source_limits
from keras_attention.token_ids import SpecialIds


class SourceContract(StepContract):
    """For step contracts that are no models: `start` and `step` are left to define."""

    special_ids = SpecialIds()
    forbidden_ids = (special_ids.padding, special_ids.start)
    max_sequence_length = 30

    def inputs_shape(self, inputs):
        return ops.shape(inputs)

    def inputs_mask(self, inputs):
        return masks.padding_mask(inputs, self.special_ids.padding)

    def first_tokens(self, inputs):
        return self.special_ids.start

    def length_limits(self, inputs, max_length=None):
        batch_size, source_length = ops.shape(inputs)
        if max_length is not None:
            return same_limits(batch_size, max_length, self.max_sequence_length)
        lengths = ops.sum(ops.cast(self.inputs_mask(inputs), "int32"), axis=1)
        return source_limits(lengths, source_length, 50, self.max_sequence_length)
