"""Options of decoding in manifests, older ones too."""

import pytest

from keras_attention._validation import InputError
from keras_attention.search_options import (
    SamplingOptions,
    SearchOptions,
    decoding_of_artifact,
    decoding_options,
    fields_of_manifest,
)
from keras_attention.tasks.translation.text_translator import require_decoding


def manifest(options, **fields):
    """The decoding of a manifest that was written before there was a repetition penalty."""
    decoding = {"method": options.method, **options.to_dict(), "max_source_length": 9, **fields}
    del decoding["repetition_penalty"]
    return decoding


@pytest.mark.parametrize("options", [SearchOptions(), SamplingOptions(top_k=3)])
def test_older_manifests_penalise_nothing(options):
    decoding = manifest(options)
    require_decoding("here", decoding)
    assert type(options)(**fields_of_manifest(decoding)) == options
    expected = 0 if options.is_sampling else None
    assert decoding_of_artifact("artifact", decoding, repetition_penalty=1.0) == expected
    with pytest.raises(InputError, match="exported with repetition_penalty 1.0, not 1.2"):
        decoding_of_artifact("artifact", decoding, repetition_penalty=1.2)


def test_other_fields_are_needed():
    decoding = manifest(SearchOptions())
    del decoding["n_best"]
    with pytest.raises(InputError, match="n_best"):
        require_decoding("here", decoding)


def test_samples_take_a_runs_penalty():
    found = decoding_options({"sample": True}, {"repetition_penalty": 1.3, "beam_size": 4})
    assert found == SamplingOptions(repetition_penalty=1.3)
