"""`keras_attention.load`: whatever was trained or exported, as an object that takes strings."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.artifact_fields import require_artifact
from keras_attention.artifacts.manifest import read_manifest, refuse_unlisted, verify_files
from keras_attention.search_options import require_decoding_names
from keras_attention.tasks.artifact_runtimes import RUNTIMES
from keras_attention.tasks.classification.load_classifier import classifier_of_artifact
from keras_attention.tasks.load_run import load_run, only_given, require_kind
from keras_attention.tasks.translation.load_translator import translator_of_artifact

# What each runtime reads of an artifact.
FILES_OF_RUNTIME = {
    "tf_saved_model": ("saved_model/", "tokenizer/"),
    "tflite": ("model.tflite", "tokenizer/"),
    "onnx": ("model.onnx", "tokenizer/"),
}
OF_ARTIFACT = {"translator": translator_of_artifact, "classifier": classifier_of_artifact}


def load(path, runtime=None, seed=None, kind=None, **search):
    """Loads a run directory or an artifact.

    Args:
        path: what `keras-attention train` or `keras-attention export` wrote.
        runtime: "keras" for a run; "tf_saved_model", "tflite" or "onnx" for an artifact. By default
            Keras for a run and the first form that it holds for an artifact.
        seed: integer, where it samples: the text at index i of a list is sampled with the seed
            `seed + i`; 0 by default.
        kind: "translator" or "classifier" to refuse the other.
        **search: how a translator decodes: fields of `keras_attention.decoding.SearchOptions`, such
            as `beam_size`, or `sample=True` and fields of `SamplingOptions`. A run has defaults in
            its config; an artifact can do what it was exported with only.

    Returns:
        A `TextTranslator` with `translate(list of str) -> list of str`, or a `TextClassifier` with
        `classify(list of str) -> list of str`.

    Raises:
        InputError: if `path` is neither, does not hold that form, holds a file that is not what its
        manifest says, or was exported with other options.
        ValueError: if an option is out of range.

    >>> keras_attention.load("artifact", runtime="tflite").translate(["three hundred and two"])
    ['dreihundertzwei']
    """
    path = Path(path)
    if runtime is not None and runtime not in RUNTIMES:
        raise InputError(f"Unknown runtime {runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    require_decoding_names(search)
    if (path / "manifest.json").exists():
        manifest = read_manifest(path)
        if runtime == "keras":
            raise InputError(f"{path} is an artifact; the runtime 'keras' needs a run directory.")
        require_kind(f"{path} is an artifact", manifest["kind"], kind, OF_ARTIFACT)
        require_artifact(path / "manifest.json", manifest)
        runtime = runtime or manifest["formats"][0]
        verify_files(path, FILES_OF_RUNTIME[runtime])
        refuse_unlisted(path, manifest, FILES_OF_RUNTIME[runtime])
        of_kind = OF_ARTIFACT[manifest["kind"]]
        return of_kind(path, runtime, manifest, **only_given(seed=seed), **search)
    if runtime not in (None, "keras"):
        raise InputError(
            f"{path} is no artifact; the runtime {runtime!r} needs one: export it first."
        )
    return load_run(path, seed, kind, **search)
