"""The formats of an artifact: ONE table of what each is called, holds, is written and run by.

A new format is a line in `FORMATS`, a module that writes it and a module that runs it.
"""

import dataclasses
import importlib
from pathlib import Path

from keras_attention._validation import InputError


@dataclasses.dataclass(frozen=True)
class Format:
    """One format.

    Args:
        name: what options, manifests and `load(runtime=...)` call it.
        path: its file, or its directory, in the artifact.
        main_file: the file without which there is nothing to load.
        takes_text: whether it holds the signature `serving_default`, of strings, beside `ids`.
        has_precisions: whether its weights may be stored in less than float32.
        writer: module of this package with `write(path, model, graph, precision, saved_model)`,
            which returns what the manifest says of a precision below float32 or None, and
            `operators(path)`, the names of its operators.
        runtime: module with `signature(path, name, outputs)`, a function of named arrays to a dict
            of arrays.
        package: what runs it, for people.
    """

    name: str
    path: str
    main_file: str
    takes_text: bool
    has_precisions: bool
    writer: str
    runtime: str
    package: str

    def write(self, artifact, model, graph, precision):
        """Writes the format into the directory of an artifact: see `writer`."""
        saved_model = Path(artifact) / FORMATS["tf_saved_model"].path  # others are made of it
        write = self._module(self.writer).write
        return write(Path(artifact) / self.path, model, graph, precision, saved_model)

    def operators(self, artifact):
        """The names of its operators; one that is not standard has "domain:" before its name."""
        return self._module(self.writer).operators(Path(artifact) / self.path)

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
        run = self._module(self.runtime).signature
        return run(Path(artifact) / self.path, name, outputs, **options)

    @property
    def root(self):
        """What the paths of all its files begin with; a directory ends with a slash."""
        first, *inner = self.path.split("/")
        return f"{first}/" if inner else first

    @staticmethod
    def _module(name):
        return importlib.import_module(f"keras_attention.artifacts.{name}")


FORMATS = {
    form.name: form
    for form in (
        Format(
            name="tf_saved_model",
            path="saved_model/1",
            main_file="saved_model/1/saved_model.pb",
            takes_text=True,
            has_precisions=False,
            writer="saved_model",
            runtime="saved_model_runtime",
            package="TensorFlow Serving, or TensorFlow's C library",
        ),
        Format(
            name="tflite",
            path="model.tflite",
            main_file="model.tflite",
            takes_text=False,
            has_precisions=True,
            writer="tflite",
            runtime="tflite_runtime",
            package="LiteRT (ai-edge-litert)",
        ),
        Format(
            name="onnx",
            path="model.onnx",
            main_file="model.onnx",
            takes_text=False,
            has_precisions=True,
            writer="onnx",
            runtime="onnx_runtime",
            package="ONNX Runtime",
        ),
    )
}
RUNTIMES = ("keras", *FORMATS)  # what `load` takes: a run is run by Keras


def require_formats(formats):
    """Raises `InputError` unless `formats` are some of `FORMATS`."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(
            f"Unknown format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(FORMATS)}."
        )


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
    return FORMATS[runtime]
