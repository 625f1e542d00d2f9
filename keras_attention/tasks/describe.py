"""What a directory holds, for people to read: what `keras-attention inspect` prints."""

from pathlib import Path

from keras_attention import files, json_file
from keras_attention.artifacts.manifest import ORIGIN
from keras_attention.runs.run_directory import is_published
from keras_attention.tasks.load import read_artifact, read_run, whole_read


def describe(path, custom_objects=None):
    """Several lines on a run, an artifact or a published directory, after the checks that loading
    it makes.

    Args:
        path: a run directory, an artifact, or a directory that `import` takes.
        custom_objects: as that of `keras_attention.load`, for a run.

    Raises:
        InputError: if it is none of them, cannot be loaded, or files of it are missing, changed or
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
    elif is_published(path):
        from keras_attention.checkpoints.hugging_face import hugging_face_files

        lines = json_file.whole_read(
            path, lambda found: list(_describe_published(found, path)), hugging_face_files
        )
    else:
        lines = _describe_run(path, custom_objects)
    return "\n".join(map(_printable, lines))


def _describe_run(path, custom_objects):
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
    found = files.file_digests(path)
    size = sum(entry["bytes"] for entry in found.values()) / 1e6
    lines.append(
        f"files: {len(found)}, {size:.1f} MB, model, config and tokenizer as digests.json says"
    )
    return lines


def _describe_published(path, name):
    """The lines on the directory `path`, which the user calls `name`."""
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import has_head
    from keras_attention.checkpoints.hugging_face_config import (
        read_config,
        read_max_length,
        task_of_config,
    )
    from keras_attention.models import ClassifierHead
    from keras_attention.tasks.classification.stated_problem_type import describe_problem_type
    from keras_attention.tasks.encoder_task import own_encoder

    config, family = read_config(path)
    kind = task_of_config(config, family, path / "config.json")
    model, tokenizer = load_hugging_face(path), load_tokenizer(path)
    named = ", ".join(config.get("architectures") or ["config.json names no head"])
    yield f"published directory of a {family.name}: {kind} ({named})"
    encoder = own_encoder(model)
    yield f"model: {model.count_params():,} parameters, {_sizes(encoder)}"
    labels = model.labels if isinstance(model, ClassifierHead) else None
    if labels:
        yield f"labels: {', '.join(labels)}"
        yield from describe_problem_type({"labels": labels, "problem_type": model.problem_type})
    yield f"tokenizer: {tokenizer.describe()}"
    lengths = read_max_length(path), encoder.max_sequence_length
    yield f"texts of at most {min(length for length in lengths if length is not None):,} tokens"
    size = sum(file.stat().st_size for file in path.glob("*.safetensors")) / 1e6
    yield f"weights: {size:.1f} MB"
    heads = [task for task in family.heads if has_head(path, task)]
    yield (
        f"`keras-attention import {name}` makes a run of it, as one of "
        f"{', '.join([*heads, 'encoder'])}"
    )


def _sizes(encoder):
    """The sizes of an encoder. Not every family has blocks of heads."""
    sizes, width = encoder.get_config(), f"width {encoder.hidden_dim}"
    if "num_layers" not in sizes or "num_heads" not in sizes:
        return width
    layers = sizes["num_layers"]
    return f"{layers} layer{'s'[: layers != 1]} of {width}, {sizes['num_heads']} heads"


def _pairs(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _printable(line):
    """The line, with escapes for what a terminal would not show but obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
