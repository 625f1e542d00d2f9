"""How a model generates, as one value that configs and manifests keep."""

import dataclasses

import numpy as np

from keras_attention._validation import InputError, require
from keras_attention.json_file import shortened
from keras_attention.search_numbers import (
    require_limits,
    require_penalty,
    require_sampling,
    require_search,
)

FORBIDDEN = -1e9  # the logit of a token that may not come, the score of an empty slot
IMPOSSIBLE = FORBIDDEN / 2  # what is lower holds something forbidden


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """Greedy search, or beam search with its penalties: see `decoding.beam_search` for each.

    With `shortlist` it chooses among the tokens of a lexical shortlist: see `decoding.Shortlisted`.

    Raises:
        ValueError: if one is out of range.

    >>> search(model, ids, SearchOptions(beam_size=4, length_penalty=0.6))["token_ids"]
    """

    beam_size: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    min_length: int = 0
    max_length: int | None = None
    shortlist: bool = False
    repetition_penalty: float = 1.0

    def __post_init__(self):
        is_flag = isinstance(self.shortlist, bool)
        require(is_flag, "shortlist", "True or False", shortlist=self.shortlist)
        require_search(self.beam_size, self.length_penalty, self.coverage_penalty, self.n_best)
        require_limits(self.min_length, self.max_length)
        require_penalty(self.repetition_penalty)

    is_sampling = False

    @classmethod
    def require_names(cls, names, where=""):
        """Raises `InputError` if one of `names` is not a field; the message begins with `where`."""
        fields = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in names if name not in fields]
        if unknown:
            raise InputError(
                f"{where}Unknown decoding option {unknown[0]!r}; expected some of "
                f"{', '.join(fields)}."
            )

    @property
    def is_greedy(self):
        """Whether these are the options of greedy search."""
        return self.beam_size == 1 and not self.length_penalty and not self.coverage_penalty

    @property
    def method(self):
        """What a manifest calls it."""
        return "greedy" if self.is_greedy else "beam"

    def to_dict(self):
        """A dict of JSON values, from which `SearchOptions(**dict)` makes an equal one."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """Sampling: see `decoding.sample` for each. Seeds are no options: they come with the inputs.

    Raises:
        ValueError: if one is out of range.

    >>> search(model, ids, SamplingOptions(temperature=0.8, top_p=0.9), seed=[1, 2])["token_ids"]
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_length: int = 0
    max_length: int | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self):
        require_sampling(self.temperature, self.top_k, self.top_p)
        require_limits(self.min_length, self.max_length)
        require_penalty(self.repetition_penalty)

    is_sampling = True
    is_greedy = False
    method = "sampling"  # what a manifest calls it
    n_best = 1  # one sample for each seed

    def to_dict(self):
        """A dict of JSON values, from which `SamplingOptions(**dict)` makes an equal one."""
        return dataclasses.asdict(self)


def int32_seeds(seed):
    """Integers of any size and sign, counted modulo 2**32, as the int32 that graphs take.

    Raises:
        ValueError: if they are no integers.

    >>> int32_seeds([1, -1, 2**32 + 1])
    array([ 1, -1,  1], dtype=int32)
    """
    values = np.asarray(seed, object)  # numbers of any size
    integers = all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        for value in values.flat
    )
    require(integers, "seed", "an integer or integers", seed=seed)
    wrapped = np.array([int(value) % 2**32 for value in values.flat], "uint32")
    return wrapped.view("int32").reshape(values.shape)


FIELDS = tuple(field.name for field in dataclasses.fields(SearchOptions))
SAMPLING_FIELDS = tuple(field.name for field in dataclasses.fields(SamplingOptions))
METHODS = {"greedy": SearchOptions, "beam": SearchOptions, "sampling": SamplingOptions}
LATER = ("repetition_penalty",)  # fields that older manifests lack: they have the default


def fields_of_manifest(decoding):
    """The fields of the options in `decoding`, of a manifest: a dict."""
    fields = dataclasses.fields(METHODS[decoding["method"]])
    later = {field.name: field.default for field in fields if field.name in LATER}
    return {field.name: {**later, **decoding}[field.name] for field in fields}


def require_decoding_names(names):
    """Raises `InputError` unless each is "sample" or a field of either kind of options."""
    known = dict.fromkeys((*FIELDS, "sample", *SAMPLING_FIELDS))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"Unknown decoding option {unknown[0]!r}; expected some of {', '.join(known)}."
        )


def decoding_options(given, defaults):
    """The `SearchOptions` or `SamplingOptions` that a caller asks for.

    Args:
        given: dict of fields of either, and "sample", whether to sample.
        defaults: dict of fields of `SearchOptions`, for what is not given. Sampling takes its
            limits of length and its repetition penalty alone from them.

    Raises:
        InputError: if one is unknown, or belongs to the other kind.
        ValueError: if one is out of range.

    >>> decoding_options({"sample": True, "top_p": 0.9}, {"max_length": 40})
    SamplingOptions(temperature=1.0, top_k=None, top_p=0.9, min_length=0, max_length=40, ...)
    """
    require_decoding_names(given)
    given = dict(given)
    if given.pop("sample", False):
        searching = [name for name in given if name not in SAMPLING_FIELDS]
        if searching:
            raise InputError(
                f"{searching[0]} is an option of searching and cannot be given together with "
                "`sample`: a sample is drawn, not searched for."
            )
        both = {name: defaults[name] for name in FIELDS if name in defaults}
        both = {name: value for name, value in both.items() if name in SAMPLING_FIELDS}
        return SamplingOptions(**{**both, **given})
    sampling = [name for name in given if name not in FIELDS]
    if sampling:
        refuse_without_sample(sampling[0])
    return SearchOptions(**{**defaults, **given})


def refuse_without_sample(name):
    """Raises the `InputError` of an option of sampling that is given to a search."""
    raise InputError(f"{name} is an option of sampling and needs `sample` beside it.")


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
    require_defaults(f"{path}/config.json: ", defaults)
    options = decoding_options(search, defaults)
    if seed is not None and not options.is_sampling:
        refuse_without_sample("seed")
    return options, 0 if seed is None else seed


def decoding_of_artifact(path, decoding, seed=None, **search):
    """The seed with which an artifact samples; None where it searches.

    Args:
        path: the artifact.
        decoding: of its manifest, a dict.
        seed, search: those of `load`.

    Raises:
        InputError: if the artifact cannot do what is asked for: it was fixed by its export.
    """
    require_decoding_names(search)
    method = decoding["method"]
    is_sampling = method == "sampling"
    own = fields_of_manifest(decoding)
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
                f"{'' if is_sampling else '`sample` and '}`{name}`."
            )
    asked = METHODS[method](**{**own, **search})  # out of range is out of range here too
    for name, value in asked.to_dict().items():
        fewer = name == "n_best" and value < own[name]  # the first of those that it gives
        if value != own[name] and not fewer:
            raise InputError(
                f"{path} was exported with {name} {own[name]}, not {value}: what an artifact does "
                f"is fixed. Export it again with {'`sample` and ' if is_sampling else ''}`{name}`."
            )
    if not is_sampling:
        return None
    return 0 if seed is None else seed


def require_defaults(where, defaults):
    """Raises `InputError`, beginning with `where`, unless these are fields of `SearchOptions`."""
    if not isinstance(defaults, dict):
        raise InputError(f"{where}`decoding` must be an object. Received: {shortened(defaults)}")
    SearchOptions.require_names(defaults, where)
    try:
        SearchOptions(**defaults)
    except ValueError as error:
        raise InputError(f"{where}{error}") from error


GREEDY = SearchOptions()
