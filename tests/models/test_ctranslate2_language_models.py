"""GPT and Llama beside CTranslate2, another implementation, on the same weights."""

import numpy as np
import pytest

from benchmarks.peer_ctranslate2_language_model import write_ctranslate2_language_model
from tests.backend import BACKEND, to_numpy
from tests.models.language_models import END, V, make, prompts

pytest.importorskip("ctranslate2", reason="CTranslate2 is missing")
pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="another runtime, once is enough")

PIECES = [f"p{index}" for index in range(V)]
# CTranslate2 takes widths that are multiples of 8 for its rotations.
LLAMA = dict(num_heads=4, num_key_value_heads=2, key_dim=8, hidden_dim=32, intermediate_dim=24)
CASES = {
    "GPT-2": ("GPT", {}),
    "GPT-2, untied": ("GPT", dict(tie_weights=False, activation="gelu")),
    "Llama": ("Llama", LLAMA),
    "Llama, untied": ("Llama", LLAMA | dict(rope_base=50.0, tie_weights=False)),
    "Llama, linear": (
        "Llama",
        LLAMA | dict(rope_scaling={"rope_type": "linear", "factor": 2.0}, attention_bias=True),
    ),
}
ROWS = [[1, 0, 2, 7, 4], [10, 1, 0, 2, 8, 6, 5, 3], [5, 0]]


@pytest.mark.parametrize("name", CASES)
def test_logits_and_continuations(name, tmp_path):
    import ctranslate2

    kind, options = CASES[name]
    model = make(kind, **options)
    write_ctranslate2_language_model(model, PIECES, tmp_path / "model")
    peer = ctranslate2.Generator(str(tmp_path / "model"), inter_threads=1, intra_threads=1)

    inputs = prompts(ROWS)
    found = to_numpy(model({"token_ids": inputs["token_ids"]}))
    for row, ids in enumerate(ROWS):
        theirs = np.asarray(peer.forward_batch([ids]))[0]
        np.testing.assert_allclose(found[row, : len(ids)], theirs, atol=1e-4, rtol=1e-4)

    ours = to_numpy(model.generate(inputs, max_length=9))["token_ids"]
    for row, ids in zip(ours, ROWS, strict=True):
        (result,) = peer.generate_batch(
            [[PIECES[token] for token in ids]],
            max_length=9,
            include_prompt_in_result=False,
            sampling_topk=1,
        )
        theirs = [*result.sequences_ids[0], END][:9]  # the end is not among theirs
        assert row[: len(theirs)].tolist() == theirs
