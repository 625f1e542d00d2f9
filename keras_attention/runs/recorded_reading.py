"""How the files of a run are read: its config says so, in a training and in what comes after."""

import contextlib
import copy

from keras_attention.text.corpora.reading_options import (
    READING,
    ReadingOptions,
    reading_as,
    reading_options,
)


def with_reading_around(config):
    """A `RunConfig` in which what `reading_as` around the call says stands as given, too."""
    config, given = copy.copy(config), config.given()
    now, plain = reading_options(), ReadingOptions()
    for name in READING:
        if name not in given and getattr(now, name) != getattr(plain, name):
            setattr(config, name, getattr(now, name))
    return config


@contextlib.contextmanager
def reading_of_run(config, others=()):
    """The block in which files are read as the training of a run read them.

    Args:
        config: of the run, a dict; one that says nothing of it changes nothing.
        others: what other files are read; where there are any, they are read as `reading_as` says.
    """
    own = {name: config[name] for name in READING if config.get(name) is not None}
    with contextlib.nullcontext() if others or not own else reading_as(**own):
        yield
