"""What a directory holds, for people to read: what `keras-attention inspect` prints."""

from pathlib import Path

from keras_attention import json_file
from keras_attention._validation import printable
from keras_attention.artifacts.manifest import ORIGIN
from keras_attention.digests import file_names
from keras_attention.runs.run_directory import is_published
from keras_attention.tasks import task_of
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
    return "\n".join(map(printable, lines))


def _describe_run(path, custom_objects):
    task, config, model, _, _ = read_run(path, custom_objects)
    origin = [config[name] for name in ORIGIN if config.get(name)]
    lines = [
        ", ".join(["run", task.kind, *map(str, origin)]),
        f"model: {type(model).__name__}, {model.count_params():,} parameters",
    ]
    lines += [*task.describe_config(config), *task.describe_answers(config)]
    shown = ("kind", *task.described_fields)
    settings = {k: v for k, v in config.items() if v is not None and k not in shown}
    lines.append(f"config: {', '.join(f'{name} {value}' for name, value in settings.items())}")
    found = file_names(path)
    size = sum((path / name).stat().st_size for name in found) / 1e6
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
    from keras_attention.checkpoints.sentence_transformers import task_of_modules

    config, family = read_config(path)
    of_modules = task_of_modules(path)
    task = task_of(of_modules or task_of_config(config, family, path / "config.json"), name)
    model, tokenizer = load_hugging_face(path, task.kind), load_tokenizer(path)
    named = ", ".join(config.get("architectures") or ["config.json names no head"])
    yield f"published directory of a {family.name}: {task.kind} ({named})"
    sizes = [f"{model.count_params():,} parameters", *_sizes(family.bare(model).get_config())]
    yield f"model: {', '.join(sizes)}"
    imported = task.imported_config(model, read_max_length(path))
    run = task.run_config(model, tokenizer, **imported)
    yield from task.describe_config(run)
    yield f"tokenizer: {tokenizer.describe()}"
    if run.get("max_sequence_length") is not None:
        yield f"texts of at most {run['max_sequence_length']:,} tokens"
    size = sum(file.stat().st_size for file in path.glob("*.safetensors")) / 1e6
    yield f"weights: {size:.1f} MB"
    tasks = [kind for kind in family.heads if has_head(path, kind)]
    tasks += [] if family.bare_task is None else [family.bare_task]
    tasks += [] if of_modules is None else [of_modules]
    yield f"`keras-attention import {name}` makes a run of it, as one of {', '.join(tasks)}"


def _sizes(config):
    """What the config of a model without its head says of its sizes: not all families have all."""
    layers, heads = config.get("num_layers"), config.get("num_heads")
    if "hidden_dim" in config:
        width = f"width {config['hidden_dim']}"
        yield f"{layers} layer{'s'[: layers != 1]} of {width}" if layers and heads else width
    if layers and heads:
        yield f"{heads} heads"
