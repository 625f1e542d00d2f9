"""How a translator is to decode: what the user asks for, and what a run or an artifact allows."""

import dataclasses

from keras_attention._validation import InputError
from keras_attention.json_file import is_size, require_fields, shortened
from keras_attention.search_options import (
    SamplingOptions,
    SearchOptions,
    decoding_options,
    refuse_without_sample,
)

METHODS = {"greedy": SearchOptions, "beam": SearchOptions, "sampling": SamplingOptions}


def decoding_of_run(path, config, seed=None, **search):
    """The options of decoding with a run, and the seed.

    Args:
        path: the run directory.
        config: its `config.json`, a dict; `decoding` holds the defaults.
        seed, search: those of `load`.

    Returns:
        `SearchOptions` or `SamplingOptions`, and an integer.
    """
    defaults = config.get("decoding", {})
    _require_defaults(f"{path}/config.json: ", defaults)
    options = decoding_options(search, defaults)
    if seed is not None and not options.is_sampling:
        refuse_without_sample("seed")
    return options, 0 if seed is None else seed


def _require_defaults(where, defaults):
    """Raises `InputError`, beginning with `where`, unless these are fields of `SearchOptions`."""
    if not isinstance(defaults, dict):
        raise InputError(f"{where}`decoding` must be an object. Received: {shortened(defaults)}")
    SearchOptions.require_names(defaults, where)
    try:
        SearchOptions(**defaults)
    except ValueError as error:
        raise InputError(f"{where}{error}") from error


def require_decoding(name, decoding):
    """Raises `InputError` unless `decoding`, of a manifest, says how its artifact decodes.

    Args:
        name: of the manifest, for the message.
        decoding: a dict.
    """
    known = {
        "method": (f"one of {', '.join(METHODS)}", lambda value: value in tuple(METHODS)),
        "max_source_length": ("a positive integer", is_size),
    }
    require_fields(decoding, known, name)
    options = METHODS[decoding["method"]]
    fields = [field.name for field in dataclasses.fields(options)]
    wanted = f"as {decoding['method']} has {', '.join(fields)}"
    require_fields(decoding, {field: (wanted, lambda value: True) for field in fields}, name)
    try:
        options(**{field: decoding[field] for field in fields})
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def decoding_of_artifact(path, decoding, seed=None, **search):
    """The seed with which an artifact samples; None where it searches.

    Args:
        path: the artifact.
        decoding: of its manifest, a dict.
        seed, search: those of `load`.

    Raises:
        InputError: if the artifact cannot do what is asked for: it was fixed by its export.
    """
    method = decoding["method"]
    is_sampling = method == "sampling"
    own = {field.name: decoding[field.name] for field in dataclasses.fields(METHODS[method])}
    search = dict(search)
    if search.pop("sample", is_sampling) != is_sampling or (seed is not None and not is_sampling):
        raise InputError(
            f"{path} was exported with the method {method}, not "
            f"{'searching' if is_sampling else 'sampling'}: what an artifact does is fixed. Export "
            f"it again {'without' if is_sampling else 'with'} `sample`."
        )
    for name, value in search.items():
        if name not in own:
            raise InputError(
                f"{path} was exported with the method {method}, not {name} {value}: what an "
                "artifact does is fixed. Export it again with "
                f"{'' if is_sampling else '`sample` '}`{name}`."
            )
    asked = METHODS[method](**{**own, **search})  # out of range is out of range here too
    for name, value in asked.to_dict().items():
        fewer = name == "n_best" and value < own[name]  # the first of those that it gives
        if value != own[name] and not fewer:
            raise InputError(
                f"{path} was exported with {name} {own[name]}, not {value}: what an artifact does "
                f"is fixed. Export it again with {'`sample` ' if is_sampling else ''}`{name}`."
            )
    if not is_sampling:
        return None
    return 0 if seed is None else seed
