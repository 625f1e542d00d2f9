"""What an artifact holds, for people to read."""

from keras_attention.artifacts.manifest import read_manifest, verify_files
from keras_attention.digests import file_names

# What each form is made of.
FORMS = {"tf_saved_model": "saved_model/", "tflite": "model.tflite", "onnx": "model.onnx"}


def describe_artifact(directory):
    """Several lines: kind, decoding, signatures, forms with sizes, parity and operators, files.

    Args:
        directory: an artifact.

    Raises:
        InputError: if it is not an artifact, or files of it are missing, changed or truncated;
        names them all.

    >>> print(describe_artifact("artifact"))
    translator, transformer tiny, float32
    """
    verify_files(directory)
    manifest = read_manifest(directory)
    lines = [
        ", ".join(filter(None, [manifest["kind"], _model(manifest), _precision(manifest)])),
        *_of_kind(manifest),
        "made with: " + _options({k: v for k, v in manifest["packages"].items() if v}),
        "signatures:",
    ]
    for name, signature in manifest["signatures"].items():
        forms = [form for form in signature["formats"] if form in manifest["formats"]]
        if forms:
            sides = [_tensors(signature[side]) for side in ("inputs", "outputs")]
            lines.append(f"  {name} ({', '.join(forms)}): {' -> '.join(sides)}")
    for form in manifest["formats"]:
        lines += _form(manifest, form)
    files = manifest["files"]
    lines.append(f"files: {len(files)}, {_megabytes(files)}, all as the manifest says")
    others = [name for name in file_names(directory) if name not in files]
    if others:
        lines.append(f"not part of the artifact: {', '.join(others)}")
    return "\n".join(lines)


def _of_kind(manifest):
    """What a translator or a classifier alone has."""
    if "decoding" in manifest:
        yield "decoding: " + _options(manifest["decoding"])
    if "labels" in manifest:
        of = "pairs of texts" if manifest["takes_pairs"] else "texts"
        yield f"labels: {', '.join(manifest['labels'])}"
        yield f"of {of} of at most {manifest['max_length']} tokens"


def _model(manifest):
    """What it is, or with what its training began; empty where the manifest says neither."""
    if "initial_weights" in manifest:
        return f"begun with {manifest['initial_weights']}"
    return " ".join(manifest[name] for name in ("architecture", "preset") if name in manifest)


def _precision(manifest):
    """The precision, and the forms that are float32 for all that."""
    exact = [
        form for form in manifest["formats"] if form not in manifest.get("lower_precision", {})
    ]
    if manifest["precision"] == "float32" or not exact:
        return manifest["precision"]
    return f"{manifest['precision']} ({', '.join(exact)}: float32)"


def _form(manifest, form):
    files = {
        name: entry for name, entry in manifest["files"].items() if name.startswith(FORMS[form])
    }
    yield f"{form}: {FORMS[form]}, {_megabytes(files)}"
    lower = manifest.get("lower_precision", {}).get(form)
    if lower:
        yield (
            f"  weights stored as {lower['precision']}: {lower['size_ratio']:.1%} of float32's "
            f"{lower['float32_bytes'] / 1e6:.1f} MB; {lower['tensors']} tensors of "
            f"{lower['elements']:,} elements"
        )
        yield f"  kept in float32: {lower['kept_float32']}"
        yield f"  arithmetic: {lower['arithmetic']}"
        yield f"  {_loss(lower)}"
    for report in manifest["parity"].get(form, []):
        yield (
            f"  batch {report['batch_size']}: the same as Keras on "
            f"{report['agreement']:.1%} of {report['sentences']} texts"
            f" ({report['ties']} ties), {report['milliseconds_per_sentence']:.1f} ms a text"
        )
    if form in manifest.get("scores", {}):
        yield "  scores: " + _options(
            {
                name: f"{value:.2f}"
                for name, value in manifest["scores"][form].items()
                if isinstance(value, float)
            }
        )
    operators = manifest["ops"].get(form)
    if operators:
        names = [name.removeprefix("ai.onnx:") for name in operators]
        yield f"  {len(names)} operators: {', '.join(names)}"


def _loss(lower):
    measure, bound = lower["measure"], f"{lower['loss_bound']:g}"
    if lower["loss"] is None:
        return f"not compared with float32 in {measure} (it may lose {bound})"
    scores = f"{measure}: {lower['score']:.2f}, float32 {lower['float32_score']:.2f}"
    if lower["loss"] > lower["loss_bound"]:
        return f"{scores}: more than the {bound} that it may lose, allowed by whoever exported it"
    return f"{scores} (it may lose {bound})"


def _options(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _tensors(tensors):
    return ", ".join(
        f"{name} {dtype} ({', '.join(map(str, shape))})" for name, (dtype, shape) in tensors.items()
    )


def _megabytes(files):
    return f"{sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB"
