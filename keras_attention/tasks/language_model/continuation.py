"""What a language model goes on with: its tokens as text, to the end."""

import dataclasses

from keras_attention.tasks.language_model.stop_text import StopText


@dataclasses.dataclass
class Continuation:
    """What a language model goes on with.

    Attributes:
        text: without the end and without a stop.
        token_ids: what was generated, up to the end or the token that completes a stop, included.
        score: the sum of the tokens' log-probabilities, or what the search's penalties make of it.
        finish: "end", "stop", or "length": the limit or the end of the context; "invalid" where
            there was no prompt that could be read.
        log_probabilities: of each token, as the model itself has it; None unless asked for.
    """

    text: str
    token_ids: list
    score: float
    finish: str
    log_probabilities: list | None = None


class Ending:
    """Makes text of tokens until it ends.

    Args:
        tokenizer: of the model.
        ends: ids that end a text.
        stops: strings that do.
        sequences: sequences of ids that do.

    Attributes:
        token_ids: those that came, the last one included.
        finish: as `Continuation` has it; None while it goes on.
    """

    def __init__(self, tokenizer, ends, stops, sequences):
        self._decoder = tokenizer.incremental_decoder(continues=True)
        self._size = tokenizer.vocabulary_size
        self._ends, self._sequences = ends, [list(sequence) for sequence in sequences]
        self._text = StopText(stops)
        self.token_ids, self.finish = [], None

    def add(self, token_id, is_last=False):
        """What can be shown of the text now that a token has come."""
        self.token_ids.append(token_id)
        if token_id in self._ends:
            self.finish = "end"
        elif any(self.token_ids[-len(stop) :] == stop for stop in self._sequences):
            self.finish = "stop"
        elif is_last:
            self.finish = "length"
        # Published models may have rows to spare, which stand for no token.
        is_text = self.finish != "end" and token_id < self._size
        ids = [token_id] if is_text else []
        is_final = self.finish is not None
        shown = self._text.add(self._decoder.decode(ids, final=is_final), is_final)
        if self._text.is_over:
            self.finish = "stop"
        return shown
