// Attention between words from attention between pieces.

const WORD_START = "\u2581"; // SentencePiece's mark of a word's first piece

/**
 * The [start, end) ranges of `pieces` that make up one word each; special tokens stand alone.
 *
 * wordSpans(["▁drei", "hundert", "▁Uhr"]) is [[0, 2], [2, 3]].
 */
export function wordSpans(pieces) {
  const special = (piece) => piece.startsWith("<");
  const starts = [];
  pieces.forEach((piece, index) => {
    const begins = piece.startsWith(WORD_START) || special(piece);
    if (index === 0 || begins || special(pieces[index - 1])) starts.push(index);
  });
  return starts.map((start, i) => [start, starts[i + 1] ?? pieces.length]);
}

/**
 * Merges pieces to words: target pieces averaged, source pieces summed, so that each row keeps
 * the sum of its weights.
 *
 * @param weight function of a target and a source piece's index: the weight between them.
 * @returns {{target: string[], source: string[], weights: number[][]}} one row per target word.
 */
export function mergeWords(weight, targetPieces, sourcePieces) {
  const rows = wordSpans(targetPieces);
  const columns = wordSpans(sourcePieces);
  const weights = rows.map(([top, bottom]) =>
    columns.map(([left, right]) => {
      let sum = 0;
      for (let t = top; t < bottom; t++) for (let s = left; s < right; s++) sum += weight(t, s);
      return sum / (bottom - top);
    }),
  );
  const words = (pieces, spans) =>
    spans.map(([start, end]) => pieces.slice(start, end).join("").replaceAll(WORD_START, ""));
  return { target: words(targetPieces, rows), source: words(sourcePieces, columns), weights };
}
