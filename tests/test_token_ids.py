import json

import numpy as np
import pytest

from keras_attention.token_ids import SpecialIds


def test_the_default_ids():
    special = SpecialIds()
    assert (special.padding, special.unknown, special.start, special.end) == (0, 1, 2, 3)
    assert special.ends == (3,) and special.fill == 0


@pytest.mark.parametrize(
    ("special", "ends", "fill"),
    [
        (SpecialIds(7, None, 8, (4, 9)), (4, 9), 7),
        (SpecialIds(None, None, None, 50256), (50256,), 50256),
        (SpecialIds(None, None, None, None), (), 0),
        (SpecialIds(None, 5, None, [6]), (6,), 6),
    ],
)
def test_through_json_and_back(special, ends, fill):
    assert special.ends == ends and special.fill == fill
    again = SpecialIds.of(json.loads(json.dumps(special.to_dict())))
    assert again == special and hash(again) == hash(special)


def test_of():
    special = SpecialIds(end=4)
    assert SpecialIds.of(special) is special
    assert SpecialIds.of(None) == SpecialIds()
    assert SpecialIds.of({"end": 4}) == special


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(padding=-1), "`padding` must be an integer of at least 0, or None. Rec.*padding=-1"),
        (dict(start=True), "`start` must be an integer"),
        (dict(unknown="1"), "`unknown` must be an integer"),
        (dict(end=(3, 1.5)), "`end` must be an integer"),
    ],
)
def test_what_is_no_id_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SpecialIds(**values)


@pytest.mark.parametrize("value", [3, [0, 1, 2, 3], {"pad": 0}])
def test_what_are_no_ids_is_refused(value):
    with pytest.raises(ValueError, match="`special_ids` must be a `SpecialIds` or a dict of some"):
        SpecialIds.of(value)


def test_numpy_integers_are_ids():
    special = SpecialIds(np.int64(7), None, np.int32(8), [np.int64(5), 6])
    assert special == SpecialIds(7, None, 8, (5, 6))
    assert json.loads(json.dumps(special.to_dict())) == special.to_dict() | {"end": [5, 6]}
