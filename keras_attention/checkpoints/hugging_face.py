"""HuggingFace directories: config.json, the .safetensors files and the tokenizer's files."""

import json
import re
from pathlib import Path

from keras_attention._validation import InputError, require
from keras_attention.checkpoints.checkpoint_tensors import (
    require_finite,
    require_fit,
    require_possible,
    tensor_names,
)
from keras_attention.checkpoints.encoder_family import EMBEDDING
from keras_attention.checkpoints.families import family_of_model
from keras_attention.checkpoints.hugging_face_config import (
    read_config,
    read_family,
    task_of_config,
)
from keras_attention.checkpoints.parts import assign
from keras_attention.checkpoints.safetensors_file import (
    INDEX,
    WEIGHTS,
    open_tensors,
    weights_path,
    write_tensors,
)
from keras_attention.checkpoints.sentence_transformers import (
    UnknownModule,
    module_files,
    with_modules,
)
from keras_attention.checkpoints.write_sentence_modules import own_names, write_modules
from keras_attention.json_file import is_string, json_object_or_empty, listed, whole_read
from keras_attention.layers.merge_lora import merged_lora
from keras_attention.models import SentenceEncoder
from keras_attention.models.encoder import require_taken
from keras_attention.new_directory import new_directory

_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
# A directory that is overwritten may hold these, beside what is written anew.
TOKENIZER_FILES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
)
# The ends of names of files that are read: weights, settings, and vocabularies of all kinds.
_READ = (".json", ".safetensors", ".txt", ".model", ".spm", ".jinja")


def load_hugging_face(directory, task=None, **overrides):
    """The model in a HuggingFace directory, with the head that its config names.

    A bare encoder has no pooler where the checkpoint has none, as those of masked language models.
    A masked language model has the head for next sentences too where the checkpoint has it.

    Args:
        directory: holds config.json and model.safetensors, or model.safetensors.index.json and the
            files that it names; float16 and bfloat16 are cast.
        task: one of the family's: of BERT and DistilBERT "encoder" for the bare encoder,
            "classifier", "masked-lm", "token-classifier", or "embedding" for the encoder with the
            modules of sentence-transformers in the directory. None takes what "architectures" in
            config.json names, and the family's default, such as the bare encoder, where it names
            nothing.
        **overrides: arguments of the bare model other than sizes: `dropout`, `dtype`, `activation`.

    Returns:
        The bare model of the family, such as a `BertEncoder`, or one with a head, such as a
        `MaskedLM`, `SentenceEncoder`, `Classifier` or `TokenClassifier`. Of the last two, `.labels`
        are the names of the classes, and `.problem_type` is what the config says that the logits
        mean.

    Raises:
        ValueError: if `task` is unknown, or the bare model does not take an argument.
        InputError: if a file is missing or damaged, the config is not of a model that ours can be,
            the checkpoint lacks the head for the task, or tensors are unknown, missing or of other
            shapes, which are all named.

    >>> encoder = load_hugging_face("bert-base-uncased", task="encoder", dropout=0.2)
    """
    return whole_read(directory, lambda path: _load(path, task, overrides), hugging_face_files)


def _load(directory, task, overrides):
    config, family = read_config(directory)
    if task is None:
        task = task_of_config(config, family, directory / "config.json")
    require(task in family.tasks, "task", f"None or one of {family.tasks}", task=task)
    if task == EMBEDDING:
        bare = family.bare_task
        try:
            return with_modules(_load(directory, bare, overrides), directory)
        except UnknownModule as error:
            raise InputError(f"{error} `task` {bare} reads the {bare} alone.") from error
    path = weights_path(directory)
    with open_tensors(path) as file:
        names = tensor_names(file.shapes, family, task != family.bare_task, config)
        shapes = {name: file.shapes[stored] for name, stored in names.items()}
        types = {name: file.types[stored] for name, stored in names.items()}
        _require_head(path, family, task, config, shapes)
        config = family.task_config(task, config, directory / "config.json")
        require_taken(family.bare_class, overrides)
        arguments = {**family.arguments(config, names), **overrides}
        require_possible(path, family, arguments, shapes)
        model = family.make(task, arguments, config, shapes)
        parts = family.parts(model)
        require_fit(path, parts, shapes, types)
        values = {}
        for name, part in parts.items():
            value = file.read(names[name])
            values[part] = value.T if part.is_kernel else value
        require_finite(path, {names[name]: values[part] for name, part in parts.items()})
    assign(values)
    family.complete(model, config, directory / "config.json")
    return model


def _tasks_found(family, config, names):
    """The tasks, beside that of the bare model, that a checkpoint holds the head for.

    Two heads may have tensors of the same names: see `Family.heads`. A multiple choice, which no
    model here has, has the tensors of a classifier.
    """
    named = {
        family.architectures.get(name)
        for name in config.get("architectures") or []
        if isinstance(name, str)
    }
    found = []
    for task, tensor in family.heads.items():
        others = {other for other, shown in family.heads.items() if shown == tensor} - {task}
        if family.shows_head(task, names) and (task in named or not others or not named):
            found.append(task)
    return found


def _require_head(path, family, task, config, names):
    """Raises `InputError` unless a checkpoint holds the head for a task."""
    if task == family.bare_task:
        return
    found = _tasks_found(family, config, names)
    if task in found:
        return
    tensor = family.heads[task]
    reason = "belongs to the head for another task" if tensor in names else "is missing"
    others = [repr(name) for name in family.tasks if name == family.bare_task or name in found]
    way = f" It can be read for the task {' or '.join(others)}." if others else ""
    raise InputError(
        f"{path} does not hold the head for the task {task!r}: {tensor} {reason}.{way}"
    )


def has_head(directory, task):
    """Whether the checkpoint in a HuggingFace directory holds the head for a task.

    Raises:
        InputError: if config.json or the tensors cannot be read. Where there are no tensors, there
            is no head.
    """
    return whole_read(directory, lambda path: _has_head(path, task), hugging_face_files)


def _has_head(directory, task):
    config, family = read_config(directory)
    if not any((directory / name).exists() for name in (WEIGHTS, INDEX)):
        return False
    with open_tensors(weights_path(directory)) as file:
        return task in _tasks_found(family, config, tensor_names(file.shapes, family, True, config))


def load_tokenizer(directory):
    """The tokenizer of a HuggingFace directory, of the kind that the model's family has.

    Its `encode(texts).token_ids` is a list of lists of int, with the special tokens of the
    published tokenizer; `decode(ids)` is the text.

    Args:
        directory: holds config.json and the tokenizer's files.

    Returns:
        A tokenizer of the family's kind: for BERT one of
        `keras_attention.text.tokenizers.ENCODER_TOKENIZERS`, such as a
        `keras_attention.text.WordPieceTokenizer`.

    Raises:
        InputError: if a file is missing or damaged, or is of another family or tokenizer.

    >>> load_tokenizer("bert-base-uncased").encode(["hello world"]).token_ids
    [[101, 7592, 2088, 102]]
    """
    return whole_read(
        directory, lambda path: read_family(path).load_tokenizer(path), hugging_face_files
    )


def hugging_face_files(directory):
    """The names of the files that may be read of a HuggingFace directory, for `whole_read`."""
    names = [*listed(directory), *module_files(directory)]
    return [name for name in names if name.endswith(_READ)]


def save_hugging_face(model, tokenizer, directory, labels=None, force=False):
    """Writes a HuggingFace directory that `transformers` and this package read, complete or not at
    all.

    Args:
        model: a `BertEncoder`, written as BertModel; or one with a head: `MaskedLM`, written as
            BertForMaskedLM, or BertForPreTraining with next sentences; `Classifier` that reads the
            pooled output by one layer: BertForSequenceClassification; `TokenClassifier`:
            BertForTokenClassification; `SentenceEncoder`: BertModel with the modules of
            sentence-transformers. The same of a `DistilBertEncoder`, and of a `BigBirdEncoder` with
            the random blocks of HuggingFace, whose `Classifier` has its `classifier_options()`. A
            rate of dropout that the family's config has no name for is not written: of a DistilBERT
            `pooled_dropout` and that of a `TokenClassifier`. Adapters of LoRA are merged into the
            weights that they adapt. A `GPT` is written as GPT2LMHeadModel, or as GPTNeoForCausalLM
            where it has local layers; a `Llama` as LlamaForCausalLM.
        tokenizer: whose `save(directory)` writes its own files; None for none.
        directory: to be made.
        labels: names of a classifier's classes, a list of str; `model.labels` by default.
        force: whether to overwrite such a directory. One that holds more than a model and its
            tokenizer is refused: nothing brings the rest back.

    Raises:
        ValueError: if HuggingFace has no such model, or the labels are not one a class.
        InputError: if `directory` may not be overwritten, or labels are given for a model without
            classes.
    """
    family = family_of_model(model)
    has_modules = isinstance(model, SentenceEncoder)
    written = model.encoder if has_modules else model
    config = {
        "architectures": [family.architecture(written)],
        **family.config(written),
        **family.label_config(model, labels),
        **({} if tokenizer is None else family.tokenizer_config(tokenizer)),
    }
    # HuggingFace has no pooler that the model does not read.
    weights = {id(weight) for weight in written.weights}
    parts = family.parts(written).items()
    parts = {name: part for name, part in parts if id(part.variable) in weights}
    with merged_lora(model), new_directory(directory, force, _foreign) as temporary:
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (temporary / "config.json").write_text(text, encoding="utf-8")
        tensors = {name: part.stored_value() for name, part in parts.items()}
        tensors |= family.added_tensors(written)
        write_tensors(temporary / WEIGHTS, tensors)
        if tokenizer is not None:
            family.save_tokenizer(tokenizer, temporary)
        if has_modules:
            write_modules(temporary, model)
        _refuse_others(directory, temporary, own_names(directory) if has_modules else ())


def _foreign(directory):
    """What a directory is that may not be overwritten, or None: see `refuse_existing_directory`."""
    config = json_object_or_empty(Path(directory) / "config.json")
    return (
        None
        if is_string(config.get("model_type"))
        else "a directory that is no HuggingFace directory"
    )


def _refuse_others(directory, temporary, own):
    """Raises `InputError` if `directory` holds more than what replaces it, or may be lost.

    Args:
        directory: that is overwritten, if there is one.
        temporary: what replaces it.
        own: further names in it that may be lost.
    """
    directory = Path(directory)
    if not directory.exists():
        return
    written = {
        "config.json",
        WEIGHTS,
        INDEX,
        *TOKENIZER_FILES,
        *(p.name for p in temporary.iterdir() if p.is_file()),
        *own,
    }
    names = {path.name for path in directory.iterdir()} - written
    others = sorted(name for name in names if not _SHARD.fullmatch(name))
    if others:
        raise InputError(
            f"{directory} holds more than a model and its tokenizer ({', '.join(others[:5])}); "
            "it is not overwritten. Give another path."
        )
