"""The task of encoders: a vector for every token. It has no training of its own."""

from keras_attention.tasks.encoder_task import output_shapes
from keras_attention.tasks.ids_task import IdsTask


class EncodingTask(IdsTask):
    """Encoders without a head: see `Task` for what each method is asked."""

    kind = "encoder"
    output = "sequence_output"

    def outputs(self, model):
        shapes = output_shapes(model)
        return sorted(shapes) if isinstance(shapes, dict) else [self.output]


TASK = EncodingTask()
