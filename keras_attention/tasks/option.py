"""An option of a command, as data."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of a command, as data. The command line makes a flag of it.

    Args:
        name: the keyword argument, or the field of a config, that it sets.
        help: one line.
        type: of the value: str, int, float or bool; a bool is a flag without a value.
        choices: the values that it may have; any where this is empty.
        spelling: what the flag is called where that is not `name`.
        const: the value that the flag stands for where it takes none.
        metavar: what the help shows for the value.
        default: where it is not given; None leaves that to whoever is called.
        required: whether it must be given.
        repeated: whether it may be given several times and gives a list.
        group: heading of the help under which it stands.
        is_text: whether the value is text that a model reads, in UTF-8 whatever the locale.

    >>> Option("max_sequence_length", "tokens of a text", int, spelling="max-length")
    """

    name: str
    help: str = ""
    type: type = str
    choices: tuple = ()
    spelling: str | None = None
    const: object = None
    metavar: str | None = None
    default: object = None
    required: bool = False
    repeated: bool = False
    group: str | None = None
    is_text: bool = False
