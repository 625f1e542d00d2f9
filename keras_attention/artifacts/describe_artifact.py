"""What an artifact holds, for people to read."""

from keras_attention.artifacts.formats import ALL_FORMATS
from keras_attention.artifacts.manifest import (
    SIZES,
    describe_model,
    describe_signature,
    refuse_unlisted,
    require_described,
    verify_files,
)
from keras_attention.digests import file_names


def describe_artifact(directory, manifest, described):
    """A list of lines: kind, signatures, formats with sizes, parity and operators, files.

    Args:
        directory: an artifact.
        manifest: its manifest, that can be loaded: see `keras_attention.tasks.load.read_artifact`.
        described: the lines of the task alone.

    Raises:
        InputError: if a field that is shown is not what an export writes; or files are missing,
        changed or truncated, or lie among those of the artifact without being of them: names them
        all.

    >>> describe_artifact("artifact", manifest, task.describe(manifest))[0]
    'translator, transformer tiny, float32'
    """
    require_described(f"{directory}/manifest.json", manifest)
    verify_files(directory, manifest=manifest)
    roots = [root for name in manifest["formats"] for root in ALL_FORMATS[name].roots]
    read = ("tokenizer/", *roots)
    refuse_unlisted(directory, manifest, read)
    lines = [
        ", ".join(filter(None, [manifest["kind"], _model(manifest), _precision(manifest)])),
        *described,
        "made with: " + _options({k: v for k, v in manifest["packages"].items() if v}),
        f"made from {describe_model(manifest)}",
        "signatures:",
    ]
    for name, signature in manifest["signatures"].items():
        formats = ", ".join(signature["formats"])
        lines.append(f"  {name} ({formats}): {describe_signature(signature)}")
    lines.append(f"compared with Keras on {manifest['compared_on']}:")
    for name in manifest["formats"]:
        lines += _format(manifest, name)
    files = manifest["files"]
    lines.append(f"files: {len(files)}, {_megabytes(files)}, all as the manifest says")
    others = [name for name in file_names(directory) if name not in files]
    if others:
        lines.append(f"not part of the artifact: {', '.join(others)}")
    return lines


def _model(manifest):
    """What it is, or with what its training began; empty where the manifest says neither."""
    if "initial_weights" in manifest:
        return f"begun with {manifest['initial_weights']}"
    return " ".join(manifest[name] for name in SIZES if name in manifest)


def _precision(manifest):
    """The precision, and the formats that are float32 for all that."""
    exact = [
        name for name in manifest["formats"] if name not in manifest.get("lower_precision", {})
    ]
    if manifest["precision"] == "float32" or not exact:
        return manifest["precision"]
    return f"{manifest['precision']} ({', '.join(exact)}: float32)"


def _format(manifest, format_name):
    root, *_ = roots = ALL_FORMATS[format_name].roots
    files = {name: entry for name, entry in manifest["files"].items() if name.startswith(roots)}
    yield f"{format_name}: {root}, {_megabytes(files)}"
    lower = manifest.get("lower_precision", {}).get(format_name)
    if lower:
        yield (
            f"  weights stored as {lower['precision']}: {lower['size_ratio']:.1%} of float32's "
            f"{lower['float32_bytes'] / 1e6:.1f} MB; {lower['tensors']} tensors of "
            f"{lower['elements']:,} elements"
        )
        yield f"  kept in float32: {lower['kept_float32']}"
        yield f"  arithmetic: {lower['arithmetic']}"
        yield f"  {_loss(lower)}"
    for report in manifest["parity"].get(format_name, []):
        yield (
            f"  batch {report['batch_size']}: the same as Keras on "
            f"{report['agreement']:.1%} of {report['sentences']} texts"
            f" ({report['ties']} ties), {report['milliseconds_per_sentence']:.1f} ms a text"
        )
    if format_name in manifest.get("scores", {}):
        yield "  scores: " + _options(
            {
                name: f"{value:.2f}"
                for name, value in manifest["scores"][format_name].items()
                if isinstance(value, float)
            }
        )
    operators = manifest["ops"].get(format_name)
    if operators:
        names = [name.removeprefix("ai.onnx:") for name in operators]
        yield f"  {len(names)} operators: {', '.join(names)}"


def _loss(lower):
    if lower["measure"] is None:
        return "its loss has no measure beside the agreement with Keras"
    measure, bound = lower["measure"], f"{lower['loss_bound']:g}"
    if lower["loss"] is None:
        return f"not compared with float32 in {measure} (it may lose {bound})"
    digits = lower.get("digits", 2)
    scores = f"{measure}: {lower['score']:.{digits}f}, float32 {lower['float32_score']:.{digits}f}"
    if lower["loss"] > lower["loss_bound"]:
        return f"{scores}: more than the {bound} that it may lose, allowed by whoever exported it"
    return f"{scores} (it may lose {bound})"


def _options(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _megabytes(files):
    return f"{sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB"
