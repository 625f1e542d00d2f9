"""What the three formats make of ids out of range, of rows of padding and of no rows at all."""

import numpy as np
import pytest

from keras_attention.artifacts.formats import FORMATS
from tests.backend import BACKEND

if BACKEND != "tensorflow":
    pytest.skip("artifacts are written by TensorFlow", allow_module_level=True)

INPUT = {"translator": "source_ids", "classifier": "token_ids"}
IDS = np.array([[5, 7, 9, 3], [8, 3, 0, 0]], "int32")


@pytest.fixture(scope="module", params=["translator", "classifier"])
def artifact(request):
    fixture = {"translator": "artifact_directory", "classifier": "classifier_artifact_directory"}
    return request.param, request.getfixturevalue(fixture[request.param])


@pytest.fixture(scope="module", params=FORMATS)
def run(request, artifact):
    kind, directory = artifact
    signature = FORMATS[request.param].signature(directory, "ids")
    return lambda ids: signature(**{INPUT[kind]: ids})


@pytest.mark.parametrize("wrong", [-1, -(10**6), 10**6])
def test_an_id_out_of_range_is_an_error(run, wrong):
    ids = IDS.copy()
    ids[0, 1] = wrong
    with pytest.raises(Exception, match=r"(?i)out of bounds|is not in|not within|out of data"):
        run(ids)
    run(IDS)  # the runtime goes on


def test_rows_of_padding_change_no_other_row(run):
    expected = run(IDS)
    found = run(np.concatenate([IDS, np.zeros((1, 4), "int32")]))
    for name, array in expected.items():
        length = array.shape[1] if array.ndim > 1 else None
        rows = found[name][:2] if length is None else found[name][:2, :length]
        np.testing.assert_allclose(rows, array, atol=1e-4)
        assert np.isfinite(found[name]).all()


def test_no_rows_are_no_rows_or_an_error(run):
    try:
        found = run(IDS[:0])
    except Exception as error:
        assert "nvalid tensor size" in str(error) or "Non-zero status" in str(error)
    else:
        assert all(len(array) == 0 for array in found.values())
    run(IDS)
