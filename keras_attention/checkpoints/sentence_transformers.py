"""Directories of sentence-transformers, read: modules.json, and the modules beside an encoder."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError
from keras_attention.checkpoints.checkpoint_tensors import require_finite, require_fit
from keras_attention.checkpoints.encoder_family import EMBEDDING
from keras_attention.checkpoints.hugging_face_config import read_max_length
from keras_attention.checkpoints.safetensors_file import open_tensors, weights_path
from keras_attention.json_file import (
    is_size,
    json_object_or_empty,
    listed,
    read_json_list,
    read_json_object,
    shortened_json,
)
from keras_attention.models.sentence_encoder import POOLINGS, SentenceEncoder

MODULES, CONFIG = "modules.json", "config.json"
SETTINGS = "config_sentence_transformers.json"
READ = ("Transformer", "Pooling", "Dense", "Normalize")
OUTPUT = "sentence_embedding"  # what modules read and write, by default

# What older files say of the poolings; newer ones name theirs in "pooling_mode".
POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Classes of torch.nn by our names; a file without one means Tanh.
ACTIVATIONS = {
    "linear": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "gelu": "torch.nn.modules.activation.GELU",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
}


class UnknownModule(InputError):
    """A module, or a pooling, is none that a model here has. The encoder can be read without."""


def task_of_modules(directory):
    """The task of a directory of sentence-transformers; None of one without modules.json."""
    return EMBEDDING if (Path(directory) / MODULES).is_file() else None


def declared_pooling(directory, width):
    """How a directory makes one vector of a text: "mean", "cls" or "max".

    None where it does not say, or says what no model here does: its encoder may be read all the
    same.

    Args:
        directory: of an encoder of `width`, with or without modules.json.
    """
    if task_of_modules(directory) is None:
        return None
    try:
        _, (_, folder), *_ = _modules(Path(directory))
        return _pooling(Path(directory) / folder / CONFIG, width)
    except InputError:
        return None


def module_files(directory):
    """The paths of the files in the folders of modules, below `directory`, for `whole_read`."""
    folders = [name for name in listed(directory) if (Path(directory) / name).is_dir()]
    return [f"{folder}/{name}" for folder in folders for name in listed(Path(directory) / folder)]


def with_modules(encoder, directory):
    """The `SentenceEncoder` that modules.json makes of an encoder.

    Args:
        encoder: the `Encoder` in the directory.
        directory: of sentence-transformers.

    Raises:
        InputError: if there is no modules.json; a module, pooling or activation is not one of ours,
            which is named; or the files of a module are missing, damaged or of other sizes.
    """
    directory = Path(directory)
    (_, *_), (_, pooling), *others = _modules(directory)
    _refuse_prompt(directory / SETTINGS)
    arguments = {"pooling": _pooling(directory / pooling / CONFIG, encoder.hidden_dim)}
    width, dense, tensors = encoder.hidden_dim, [], []
    for name, folder in others:
        if name == "Dense":
            dense.append(_dense(directory / folder / CONFIG, width))
            tensors.append(_dense_weights(directory / folder, dense[-1], width))
            width = dense[-1]["units"]
        else:
            _require_plain(directory / folder / CONFIG)
    longest = read_max_length(directory)
    if longest is not None:
        arguments["max_sequence_length"] = min(longest, encoder.max_sequence_length)
    normalize = any(name == "Normalize" for name, _ in others)
    model = SentenceEncoder(encoder, normalize=normalize, dense=dense, **arguments)
    for layer, values in zip(model.dense_layers, tensors, strict=True):
        layer.set_weights(values)
    return model


def _modules(directory):
    """The modules: a list of pairs of name and folder, in an order that we have a model for."""
    path = directory / MODULES
    try:
        entries = read_json_list(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}. Only a directory of "
            "sentence-transformers says how its vectors of texts are made."
        ) from error
    found = []
    for entry in entries:
        kind, folder = (
            (entry.get("type"), entry.get("path")) if isinstance(entry, dict) else (None, None)
        )
        if not isinstance(kind, str) or not isinstance(folder, str) or not _is_inside(folder):
            raise InputError(
                f"{path}: expected modules with a type and a path below this directory. "
                f"Received: {shortened_json(entry)}"
            )
        library, _, name = kind.rpartition(".")
        if library.partition(".")[0] != "sentence_transformers" or name not in READ:
            raise UnknownModule(
                f"{path} names the module {shortened_json(kind)}, of which only "
                f"{', '.join(READ)} can be read."
            )
        found.append((name, folder))
    names = [name for name, _ in found]
    dense = names.count("Dense")
    plain = ["Transformer", "Pooling", *["Dense"] * dense]
    if names not in (plain, [*plain, "Normalize"]):
        raise InputError(
            f"{path} names {', '.join(names) or 'no module'}; expected Transformer, Pooling, any "
            "number of Dense, and Normalize or none, in this order."
        )
    if found[0][1] not in ("", "."):
        raise InputError(
            f"{path} puts the Transformer into {found[0][1]}; its files must lie beside {MODULES}."
        )
    return found


def _is_inside(folder):
    parts = PurePosixPath(folder).parts
    return not folder.startswith("/") and ".." not in parts and "\0" not in folder


def _refuse_prompt(path):
    """Raises `InputError` if a prompt stands before every text by default."""
    settings = json_object_or_empty(path)
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts")
    prompt = prompts.get(name) if isinstance(prompts, dict) and isinstance(name, str) else None
    if prompt:
        raise InputError(
            f"{path} puts the prompt {shortened_json(prompt)} before every text, which no model "
            "here does."
        )


def _config(path):
    try:
        return read_json_object(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _pooling(path, width):
    """The pooling that a config names, where there is one alone and we have it."""
    config = _config(path)
    given = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    if given != width:
        raise InputError(f"{path} is of an encoder of width {shortened_json(given)}, not {width}.")
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for flag, mode in POOLING_FLAGS.items() if config.get(flag)] or ["mean"]
    modes = modes if isinstance(modes, list) else [modes]
    if len(modes) != 1 or modes[0] not in list(POOLINGS):
        raise UnknownModule(
            f"{path} pools by {', '.join(map(shortened_json, modes)) or 'nothing'}, of which only "
            f"one of {', '.join(POOLINGS)} can be read."
        )
    return modes[0]


def _dense(path, width):
    """The arguments of a dense layer that reads vectors of `width`."""
    config = _config(path)
    activation = config.get("activation_function", ACTIVATIONS["tanh"])
    names = [ours for ours, theirs in ACTIVATIONS.items() if theirs == activation]
    if not names:
        raise InputError(
            f"{path}: activation_function is {shortened_json(activation)}, of which only "
            f"{', '.join(ACTIVATIONS.values())} can be read."
        )
    _require_plain(path)
    if config.get("use_residual"):
        raise InputError(f"{path}: use_residual is true, which no dense layer here has.")
    if config.get("in_features") != width or not is_size(config.get("out_features")):
        raise InputError(
            f"{path}: expected in_features {width} and a positive integer as out_features. "
            f"Received: {shortened_json(config.get('in_features'))} and "
            f"{shortened_json(config.get('out_features'))}"
        )
    return {
        "units": config["out_features"],
        "activation": names[0],
        "use_bias": config.get("bias", True) is not False,
    }


@dataclass(frozen=True)
class _Tensor:
    stored_shape: tuple


def _dense_weights(directory, arguments, width):
    """The matrix, and the bias where there is one, of a dense layer that reads `width` numbers."""
    units = arguments["units"]
    expected = {"linear.weight": _Tensor((units, width))}
    if arguments["use_bias"]:
        expected["linear.bias"] = _Tensor((units,))
    path = weights_path(directory)
    with open_tensors(path) as file:
        require_fit(path, expected, file.shapes, file.types)
        values = {name: file.read(name) for name in expected}
    require_finite(path, values)
    return [value.T for value in values.values()]


def _require_plain(path):
    """Raises `InputError` if a module reads or writes something else than the vector of a text."""
    config = json_object_or_empty(path)
    for name in ("module_input_name", "module_output_name"):
        if config.get(name) not in (None, OUTPUT):
            raise InputError(
                f"{path}: {name} is {shortened_json(config[name])}, of which only "
                f"{shortened_json(OUTPUT)} can be read."
            )
