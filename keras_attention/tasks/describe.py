"""What a run or an artifact holds, for people to read: what `keras-attention inspect` prints."""

from pathlib import Path

from keras_attention.tasks import task_of

ORIGIN = ("architecture", "preset", "initial_weights")


def describe(path, custom_objects=None):
    """Several lines on a run or an artifact, after comparing its files with their digests.

    Args:
        path: a run directory or an artifact.
        custom_objects: as that of `keras_attention.load`, for a run.

    Raises:
        InputError: if it is neither, or files of it are missing, changed or truncated; names them.

    >>> print(describe("artifact"))
    translator, transformer tiny, float32
    """
    path = Path(path)
    if (path / "manifest.json").exists():
        from keras_attention.artifacts.describe_artifact import describe_artifact

        return describe_artifact(path, lambda manifest: _of_task(path, manifest))
    return _describe_run(path, custom_objects)


def _describe_run(path, custom_objects):
    from keras_attention.files import file_digests
    from keras_attention.runs.run_directory import read_config, read_model

    config = read_config(path)
    kind = task_of(config.get("kind"), f"{path} is a run").kind
    model = read_model(path, custom_objects)
    origin = [config[name] for name in ORIGIN if config.get(name)]
    lines = [
        ", ".join(["run", kind, *map(str, origin)]),
        f"model: {type(model).__name__}, {model.count_params():,} parameters",
    ]
    if config.get("labels"):
        lines.append(f"labels: {', '.join(config['labels'])}")
    if config.get("decoding"):
        lines.append(f"decoding: {_pairs(config['decoding'])}")
    shown = ("kind", "decoding", "labels")
    settings = {k: v for k, v in config.items() if v is not None and k not in shown}
    lines.append(f"config: {_pairs(settings)}")
    files = file_digests(path)
    size = sum(entry["bytes"] for entry in files.values()) / 1e6
    lines.append(f"files: {len(files)}, {size:.1f} MB, model and tokenizer as digests.json says")
    return "\n".join(lines)


def _pairs(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _of_task(path, manifest):
    return task_of(manifest["kind"], f"{path} is an artifact").describe(manifest)
