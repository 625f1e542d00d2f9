"""What a run or an artifact holds, for people to read: what `keras-attention inspect` prints."""

from pathlib import Path

from keras_attention.artifacts.manifest import ORIGIN
from keras_attention.tasks.load import read_artifact, read_run, whole_read


def describe(path, custom_objects=None):
    """Several lines on a run or an artifact, after the checks that loading it makes.

    Args:
        path: a run directory or an artifact.
        custom_objects: as that of `keras_attention.load`, for a run.

    Raises:
        InputError: if it is neither, cannot be loaded, or files of it are missing, changed or
        truncated; names them.

    >>> print(describe("artifact"))
    translator, transformer tiny, float32
    """
    path = Path(path)
    if (path / "manifest.json").exists():
        from keras_attention.artifacts.describe_artifact import describe_artifact

        def read(path):
            task, manifest, _ = read_artifact(path)
            return describe_artifact(path, manifest, task.describe(manifest))

        lines = whole_read(path, read)
    else:
        lines = _describe_run(path, custom_objects)
    return "\n".join(map(_printable, lines))


def _describe_run(path, custom_objects):
    from keras_attention.files import file_digests

    task, config, model, _, _ = read_run(path, custom_objects)
    origin = [config[name] for name in ORIGIN if config.get(name)]
    lines = [
        ", ".join(["run", task.kind, *map(str, origin)]),
        f"model: {type(model).__name__}, {model.count_params():,} parameters",
    ]
    shown = ["kind"]
    if "labels" in task.run_fields:
        lines.append(f"labels: {', '.join(config['labels'])}")
        shown.append("labels")
    if isinstance(config.get("decoding"), dict):
        if config["decoding"]:
            lines.append(f"decoding: {_pairs(config['decoding'])}")
        shown.append("decoding")
    settings = {k: v for k, v in config.items() if v is not None and k not in shown}
    lines.append(f"config: {_pairs(settings)}")
    files = file_digests(path)
    size = sum(entry["bytes"] for entry in files.values()) / 1e6
    lines.append(
        f"files: {len(files)}, {size:.1f} MB, model, config and tokenizer as digests.json says"
    )
    return lines


def _pairs(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _printable(line):
    """The line, with escapes for what a terminal would not show but obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
