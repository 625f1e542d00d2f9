"""A task of a later day: its folder and a line in `TASKS` are all that there is of it."""

from keras_attention.tasks.ids_task import IdsTask


class ToyTask(IdsTask):
    """The vectors of an encoder, under another kind."""

    kind = "toy"
    output = "sequence_output"


TASK = ToyTask()
