"""How many translations of a run CTranslate2 gives too, with the same weights.

python benchmarks/translation_agreement.py --model RUN --source F
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.peer_ctranslate2 import write_ctranslate2
from keras_attention import load
from keras_attention.text import read_lines

MAX_LENGTH = 100
# What takes part in none of our probabilities.
SUPPRESSED = ("<pad>", "<s>")


def main():
    """Prints one line for greedy search and one for a beam of four."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, metavar="RUN")
    parser.add_argument("--source", required=True, metavar="F")
    options = parser.parse_args()

    import ctranslate2

    lines = read_lines(options.source)
    ours = load(options.model)
    target = ours.tokenizer.target
    pieces = [target.id_to_piece(i) for i in range(target.vocabulary_size)]
    ids = {piece: i for i, piece in enumerate(pieces)}
    rows = [[pieces[i] for i in row] for row in ours.encode(lines)]
    with tempfile.TemporaryDirectory() as directory:
        write_ctranslate2(ours.model, pieces, Path(directory) / "model")
        peer = ctranslate2.Translator(str(Path(directory) / "model"), compute_type="float32")
        for beam_size in (1, 4):
            found = peer.translate_batch(
                rows,
                beam_size=beam_size,
                length_penalty=0,
                max_decoding_length=MAX_LENGTH,
                max_batch_size=32,
                suppress_sequences=[[piece] for piece in SUPPRESSED],
            )
            theirs = [target.decode([ids[piece] for piece in one.hypotheses[0]]) for one in found]
            mine = load(options.model, beam_size=beam_size, max_length=MAX_LENGTH).translate(lines)
            same = sum(a == b for a, b in zip(mine, theirs, strict=True))
            print(f"beam {beam_size}: {same} of {len(lines)} the same", flush=True)


if __name__ == "__main__":
    main()
