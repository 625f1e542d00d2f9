"""Options as flags, and messages about them in the words of the command line.

The library describes options as data (`keras_attention.tasks.option.Option`) and calls them by the
names of arguments: "`max_sequence_length` must be ...". How they are spelled on the command line
stands in this package alone.
"""

import re
import sys

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import RUNTIMES
from keras_attention.cli.streams import emit, require_standard_input
from keras_attention.tasks.option import Option
from keras_attention.text.corpora.kept_input import STANDARD_INPUT

RUNTIME = Option(
    "runtime",
    f"{', '.join(RUNTIMES[:-1])} or {RUNTIMES[-1]} (default: keras of a run, of an artifact its "
    "first format)",
    metavar="NAME",
)
CUSTOM = Option("custom", "Python file that defines the model's own layers", metavar="F.py")
MODEL_OPTIONS = (
    Option("model", metavar="RUN|ARTIFACT", required=True),
    RUNTIME,
    CUSTOM,
)


def _file(name):
    """The path of a file, or None for "-", the standard stream."""
    return None if name == "-" else name


ENCODING = Option("encoding", "of the files of texts (default: utf-8)", metavar="NAME")
SKIP_INVALID = Option(
    "skip_invalid", "leave out rows that cannot be read, and name them", bool, const=True
)
# Of whatever reads files of texts: `keras_attention.cli.main` sees to them.
READING_OPTIONS = (
    ENCODING,
    Option("delimiter", "of .csv and .tsv files (default: what the name says)", metavar="C"),
    SKIP_INVALID,
)
TEXT_OPTIONS = (
    Option("input", "one text a line; .gz is read too; - is standard input", _file, metavar="F"),
    Option("output", "one answer a line; - is standard output", _file, metavar="F"),
    ENCODING,
    Option("skip_invalid", "a line that cannot be read counts as an empty one", bool, const=True),
    Option("force", "overwrite an existing output", bool, const=True),
)
# Flags of names that may stand in messages of other commands than their own.
_FLAGS = {
    "resume": "--resume",
    "force": "--force",
    "sample": "--sample",
    "valid": "--valid",
    "custom_objects": "--custom",
}


def flag_of(option):
    """How the command line spells an `Option`.

    >>> flag_of(Option("max_sequence_length", spelling="max-length"))
    '--max-length'
    """
    return "--" + (option.spelling or option.name).replace("_", "-")


def add_options(parser, options):
    """Adds each `Option` to a parser; one that is not given is None, or its default."""
    groups = {None: parser}
    for option in options:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        settings = {"dest": option.name, "help": option.help or None, "default": option.default}
        if option.type is bool:
            settings |= {"action": "store_const", "const": option.const}
        else:
            kind = text if option.is_text else option.type
            settings |= {"type": kind, "required": option.required}
            settings |= {"choices": option.choices} if option.choices else {}
            settings |= {"metavar": option.metavar} if option.metavar else {}
            settings |= {"action": "append"} if option.repeated else {}
        groups[option.group].add_argument(flag_of(option), **settings)
        _FLAGS[option.name] = flag_of(option)


def spelled(message):
    """A message of the library with its options spelled as flags.

    >>> spelled("run already exists. Give another path, or `force` to overwrite it.")
    'run already exists. Give another path, or --force to overwrite it.'
    """
    message = re.sub(r"`(\w+)`", lambda match: _FLAGS.get(match[1], match[0]), message)
    message = re.sub(r"^Unknown (\w+) (?=['(])", _unknown_flag, message)
    message, received, values = message.partition(" Received: ")
    # What was received goes by the name of the flag too, where that is another one.
    return message + received + re.sub(r"(?:^|(?<=, ))\w+(?==)", _flag_name, values)


def _unknown_flag(match):
    """ "Unknown preset " with the flag; a flag of several is named in the plural."""
    name = match[1]
    return f"Unknown {_FLAGS.get(name) or _FLAGS.get(f'{name}s') or name} "


def _flag_name(match):
    name = match[0]
    return _FLAGS.get(name, name).lstrip("-").replace("-", "_")


def given(options, names):
    """Those of `names` that were given, a dict; `options` is what the parser returned."""
    values = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def custom_objects(options):
    """The user's own classes in the file that `--custom` names, or None."""
    if options.custom is None:
        return None
    from keras_attention.runs.custom_objects import read_custom_objects

    return read_custom_objects(options.custom)


def read_lines(path):
    """The lines of the file `path`, or of standard input where it is None, to be `answerable`."""
    from keras_attention.text.corpora.text_files import all_lines

    if path:
        return all_lines(path, "one text a line")
    require_standard_input()
    return all_lines(STANDARD_INPUT)


def answerable(lines, require=lambda line, number: None):
    """The lines, each of which has an answer: a faulty one that is skipped is an empty one.

    Args:
        lines: from `read_lines`.
        require: function of a line and its number that raises `InputError` for a faulty one.

    Returns:
        A list of strings, and the set of the indices of faulty ones.

    Raises:
        InputError: if one is faulty and may not be skipped.
    """
    from keras_attention.text.corpora.decoded_lines import InvalidLine
    from keras_attention.text.corpora.reading_options import reading_options

    lines, faulty = list(lines), set()
    for index, line in enumerate(lines):
        try:
            if isinstance(line, InvalidLine):
                raise line.error
            require(line, index + 1)
        except InputError as error:
            reading_options().skip(error, "It counts as an empty one.")
            lines[index] = ""
            faulty.add(index)
    return lines, faulty


def read_input(path):
    """The lines of the file `path`, or of standard input where it is None: `answerable`."""
    return answerable(read_lines(path))[0]


def text(value):
    """A text on the command line, in UTF-8 also where the locale is of another encoding."""
    if value.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in value):
        return value
    return value.encode(sys.getfilesystemencoding(), "surrogateescape").decode("utf-8", "replace")


def say_unknown(user):
    """Says on standard error how many tokens of what was read are unknown, if there are any."""
    said = user.unknown.sentence()
    if said:
        print(f"note: {said}", file=sys.stderr)


def require_output(options):
    """Raises `InputError` unless `write_output` can write `options.output` as things are now."""
    if options.output:
        from keras_attention.files import require_writable

        require_writable(options.output, options.force)


def write_output(options, data):
    """Writes `data` (bytes) to the file `options.output`, or to standard output without one."""
    if options.output:
        from keras_attention import files

        files.write_output(options.output, data, options.force)
    else:
        emit(data)
