"""README.md of an artifact: what it is, what it was made from, how well it does, how to run it."""

from keras_attention._validation import with_article
from keras_attention.artifacts.formats import ALL_FORMATS
from keras_attention.artifacts.manifest import (
    ORIGIN,
    describe_model,
    describe_signature,
    package_versions,
)
from keras_attention.files import write_atomically

# The commands of this package that run a format: of a task with a method for users, and of one
# without.
_METHOD = "keras-attention {method} --model . --runtime {runtime}"
_OUTPUTS = (
    'python -c "import keras_attention; '
    "print(keras_attention.load('.', '{runtime}').outputs(['a text']))\""
)


def write_model_card(directory, manifest, task):
    """Writes README.md into the directory of an artifact.

    Args:
        directory: path.
        manifest: all of the manifest but its digests, a dict.
        task: the `keras_attention.tasks.task.Task`.
    """
    text = "\n".join(_lines(manifest, task)) + "\n"
    write_atomically(directory / "README.md", text.encode())


def _lines(manifest, task):
    origin = [manifest[name] for name in ORIGIN if name in manifest]
    yield f"# {manifest['kind'].capitalize()}{': ' + ' '.join(origin) if origin else ''}"
    yield ""
    yield (
        f"{with_article(manifest['kind']).capitalize()} in {len(manifest['formats'])} "
        f"format{'s' if len(manifest['formats']) > 1 else ''}, exported by keras_attention. "
        "`manifest.json` holds all that is said here, and the sha256 of every file."
    )
    yield ""
    yield f"- made from {describe_model(manifest)}"
    yield from (f"- {line}" for line in task.describe(manifest))
    yield from _table(manifest)
    yield from _usage(manifest, task)
    versions = package_versions()
    yield ""
    yield "## Made with"
    yield ""
    yield ", ".join(f"{name} {version}" for name, version in versions.items() if version) + "."


def _table(manifest):
    """A row for each format: its file, precision, agreement with Keras, and scores."""
    yield ""
    yield "## Formats"
    yield ""
    yield "| format | file | runs in | precision | same as Keras | scores |"
    yield "|---|---|---|---|---|---|"
    for name in manifest["formats"]:
        fmt = ALL_FORMATS[name]
        lower = manifest.get("lower_precision", {}).get(name)
        reports = manifest["parity"][name]
        agreement = min(report["agreement"] for report in reports)
        count = max(report["sentences"] for report in reports)
        scores = manifest.get("scores", {}).get(name, {})
        numbers = [f"{k} {v:.4g}" for k, v in scores.items() if isinstance(v, float)]
        yield (
            f"| {name} | `{fmt.path}` | {fmt.package} | "
            f"{lower['precision'] if lower else 'float32'} | {agreement:.1%} of {count} | "
            f"{', '.join(numbers) or 'not measured'} |"
        )
    yield ""
    yield f"Compared with Keras, and scored, on {manifest['compared_on']}."


def _usage(manifest, task):
    """One command for each format that it holds, and the signatures."""
    yield ""
    yield "## Use"
    yield ""
    if task.method is not None:
        yield "One text a line on standard input, one answer a line on standard output:"
        yield ""
    template = _OUTPUTS if task.method is None else _METHOD
    for name in manifest["formats"]:
        yield "    " + template.format(method=task.method, runtime=name)
    yield ""
    for name in manifest["formats"]:
        if ALL_FORMATS[name].server is not None:
            yield "A server, which answers at `http://localhost:8501/v1/models/model`:"
            yield ""
            yield "    " + ALL_FORMATS[name].server.format(
                folder=ALL_FORMATS[name].root.rstrip("/")
            )
            yield ""
    for name, signature in manifest["signatures"].items():
        formats = ", ".join(signature["formats"])
        yield f"- signature `{name}` ({formats}): {describe_signature(signature)}"
    yield "- `tokenizer/` turns text into these ids and back."
