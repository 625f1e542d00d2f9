"""The formats of an artifact: one table of their names, files, writers and runtimes.

A new format is a line in `FORMATS` and a module that writes and runs it.
"""

import dataclasses
import importlib
import shutil
from pathlib import Path

from keras_attention._validation import InputError, with_article
from keras_attention.artifacts.parity import check_operators


@dataclasses.dataclass(frozen=True)
class Format:
    """One format.

    Args:
        name: what options, manifests and `load(runtime=...)` call it.
        path: its file, or its directory, in the artifact.
        main_file: the file without which there is nothing to load.
        takes_text: whether it holds the signature `serving_default`, of strings, beside `ids`.
        has_precisions: whether its weights may be stored in less than float32.
        module: module of this package with `write(path, model, graph, precision, saved_model)`,
            which returns what the manifest says of a precision below float32 or None;
            `operators(path)`, the names of its operators; `signature(path, name, outputs)`, a
            function of named arrays to a dict of arrays; and `signatures(path, names)`, a dict of
            several.
        also: what the paths of its further files begin with, in an artifact with several
            signatures.
        made_of: the format that it is made of, beside the SavedModel; None for none.
        resizes: whether it can do with other shapes of all signatures from call to call, and so
            holds `Graph.resizable`.
        max_bytes: what one file of it can hold, or what it is made of on the way; None for any.
        lacks: the dtypes that it does not compute in.
        package: what runs it, for people.
        server: the command that the model card shows to serve it on port 8501; `{folder}` stands
            for the format's own directory. None where there is no such server.
    """

    name: str
    path: str
    main_file: str
    takes_text: bool
    has_precisions: bool
    module: str
    package: str
    also: tuple = ()
    made_of: str | None = None
    resizes: bool = False
    max_bytes: int | None = None
    lacks: tuple = ()
    server: str | None = None

    def write(self, artifact, model, graph, precision):
        """Writes the format into the directory of an artifact: see `module`."""
        saved_model = Path(artifact) / FORMATS["tf_saved_model"].path  # others are made of it
        write = self._module().write
        return write(Path(artifact) / self.path, model, graph, precision, saved_model)

    def operators(self, artifact):
        """The names of its operators; one that is not standard has "domain:" before its name."""
        return self._module().operators(Path(artifact) / self.path)

    def signature(self, artifact, name, outputs=None, **options):
        """One signature in the format's own runtime.

        Args:
            artifact: directory.
            name: of the signature.
            outputs: the names of the outputs that are wanted; None for all.
            **options: of the runtime, such as `num_threads`.

        Returns:
            Function of keyword arguments (input name -> array) to a dict (output name -> array).
        """
        run = self._module().signature
        return run(Path(artifact) / self.path, name, outputs, **options)

    def signatures(self, artifact, names, **options):
        """Several signatures, which share the weights where the runtime can: a dict of functions.

        Args:
            artifact: directory.
            names: of the signatures.
            **options: of the runtime, such as `num_threads`.
        """
        return self._module().signatures(Path(artifact) / self.path, names, **options)

    @property
    def root(self):
        """What the paths of all its files begin with; a directory ends with a slash."""
        first, *inner = self.path.split("/")
        return f"{first}/" if inner else first

    @property
    def roots(self):
        """A tuple of `root` and of what the paths of its further files begin with."""
        return (self.root, *self.also)

    def _module(self):
        return importlib.import_module(f"keras_attention.artifacts.{self.module}")


PROTOBUF_BYTES = 2**31 - 2**20  # protobuf and flatbuffers end at 2 GiB; the graph needs some


def _table(*formats):
    return {fmt.name: fmt for fmt in formats}


FORMATS = _table(
    Format(
        name="tf_saved_model",
        path="saved_model/1",
        main_file="saved_model/1/saved_model.pb",
        takes_text=True,
        has_precisions=False,
        module="saved_model",
        package="TensorFlow Serving, or TensorFlow's C library",
        server="docker run -p 8501:8501 -v $PWD/{folder}:/models/model "
        "-e MODEL_NAME=model tensorflow/serving",
    ),
    Format(
        name="tflite",
        path="model.tflite",
        main_file="model.tflite",
        takes_text=False,
        has_precisions=True,
        module="tflite",
        package="LiteRT (ai-edge-litert)",
        max_bytes=PROTOBUF_BYTES,
        lacks=("bfloat16", "float16"),
    ),
    Format(
        name="onnx",
        path="model.onnx",
        main_file="model.onnx",
        takes_text=False,
        has_precisions=True,
        module="onnx",
        package="ONNX Runtime",
        also=("score.onnx", "decode.onnx", "prefill_"),
        resizes=True,
        max_bytes=PROTOBUF_BYTES,
        lacks=("bfloat16",),
    ),
)
# Those that some tasks alone have (`Task.further_formats`), where they are asked for.
ON_REQUEST = _table(
    Format(
        name="litertlm",
        path="model.litertlm",
        main_file="model.litertlm",
        takes_text=True,
        has_precisions=True,
        module="litertlm",
        package="LiteRT-LM (litert-lm-api)",
        made_of="tflite",
        max_bytes=PROTOBUF_BYTES,
        lacks=("bfloat16", "float16"),
    ),
)
ALL_FORMATS = {**FORMATS, **ON_REQUEST}
RUNTIMES = ("keras", *FORMATS)  # what `load` takes: a run is run by Keras


def require_formats(formats):
    """Raises `InputError` unless `formats` are some of `ALL_FORMATS`, none twice."""
    if isinstance(formats, str):
        raise InputError(
            f"`formats` must be a list of some of {', '.join(ALL_FORMATS)}. Received: {formats!r}"
        )
    unknown = [name for name in formats if name not in ALL_FORMATS]
    if unknown or not formats:
        raise InputError(
            f"Unknown format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(ALL_FORMATS)}."
        )
    repeated = [name for name in ALL_FORMATS if list(formats).count(name) > 1]
    if repeated:
        raise InputError(f"`formats` must be different. Received: {', '.join(repeated)} repeatedly")


def require_further(formats, kind, further):
    """Raises `InputError` if one of `formats` is of some tasks alone, and not of this one.

    Args:
        formats: names of formats.
        kind: of the task.
        further: the names in `ON_REQUEST` that it has.
    """
    foreign = [name for name in formats if name in ON_REQUEST and name not in further]
    if foreign:
        raise InputError(f"{with_article(kind).capitalize()} cannot be exported to {foreign[0]}.")


def require_dtypes(formats, model):
    """Raises `InputError` if a layer of a Keras model computes in what one of `formats` lacks."""
    used = _dtypes(model)
    for name in formats:
        for dtype in sorted(used & set(ALL_FORMATS[name].lacks)):
            raise InputError(
                f"{ALL_FORMATS[name].package} does not compute in {dtype}, as the model does: make "
                f'it with `dtype="float32"` and the same weights, or leave out {name}.'
            )


def require_sizes(formats, model):
    """Raises `InputError` if a format cannot hold the weights of a Keras model.

    In lower precision too: the file is written in float32 first.
    """
    size = 4 * model.count_params()
    small = [n for n in formats if (ALL_FORMATS[n].max_bytes or size) < size]
    if small:
        raise InputError(
            f"The model's weights are {size / 1e9:.1f} GB in float32, and a file of "
            f"{' or '.join(small)} ends at 2 GB: leave out {' and '.join(small)}."
        )


def dtype_hint(model):
    """A sentence for who hears that the answers of a model in half precision are not the same."""
    halves = sorted(_dtypes(model) & {"bfloat16", "float16"})
    if not halves:
        return ""
    return (
        f" It computes in {' and '.join(halves)}, which each runtime rounds in its own way: make "
        'it with `dtype="float32"` and the same weights.'
    )


def _dtypes(model):
    """What the layers of a Keras model compute in."""
    from keras_attention.keras_private import computing_layers

    return {layer.compute_dtype for layer in computing_layers(model)}


def format_of(directory, runtime, manifest):
    """The `Format` of an artifact that a runtime needs.

    Raises:
        InputError: if the artifact does not hold it.
    """
    if runtime not in manifest["formats"]:
        raise InputError(
            f"{directory} holds no format for the runtime {runtime!r}; it holds "
            f"{', '.join(manifest['formats'])}."
        )
    return ALL_FORMATS[runtime]


def write_formats(directory, formats, model, graph, precision, say):
    """Writes formats into the directory of an artifact.

    Args:
        directory: path.
        formats: names of formats.
        model: the Keras model.
        graph: the `keras_attention.tasks.graph.Graph` that every format holds.
        precision: in which the weights of formats that have precisions are stored.
        say: function that is told of progress.

    Returns:
        Two dicts by the format's name: its operators, and how one in lower precision is stored.

    Raises:
        ParityError: if a format holds operators that are not standard.
    """
    made = [*formats, FORMATS["tf_saved_model"].name]  # others are made of it
    made += [ALL_FORMATS[name].made_of for name in formats]
    operators, storage = {}, {}
    for name, fmt in ALL_FORMATS.items():
        if name not in made:
            continue
        if name == "tf_saved_model":
            say("writing the SavedModel")
            fmt.write(directory, model, graph, "float32")
        else:
            say(f"converting to {name}")
            storage[name] = fmt.write(directory, model, graph, precision)
            storage[name] = storage[name] or storage.get(fmt.made_of)
        operators[name] = fmt.operators(directory)
    check_operators({name: found for name, found in operators.items() if name in storage})
    for name in set(made) - {None, *formats}:
        fmt = ALL_FORMATS[name]
        shutil.rmtree(directory / fmt.root) if "/" in fmt.root else (directory / fmt.root).unlink()
    return (
        {name: operators[name] for name in formats},
        {name: storage[name] for name in formats if storage.get(name)},
    )
