// Attention between words from attention between pieces.

const WORD_START = "\u2581"; // SentencePiece's mark of a word's first piece

// Scripts whose languages put no spaces between words.
const WITHOUT_SPACES = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Mymr}\p{sc=Khmr}]/u;
const BYTE = /^<0x([0-9A-F]{2})>$/; // SentencePiece's piece of a byte

/**
 * The [start, end) ranges of `pieces` that make up one word each; special tokens stand alone. Where
 * a language puts no spaces between words each piece is one, and so are bytes that follow bytes.
 *
 * wordSpans(["▁drei", "hundert", "▁Uhr"]) is [[0, 2], [2, 3]].
 */
export function wordSpans(pieces) {
  const starts = [];
  pieces.forEach((piece, index) => {
    if (index === 0 || begins(pieces[index - 1], piece)) starts.push(index);
  });
  return starts.map((start, i) => [start, starts[i + 1] ?? pieces.length]);
}

/** Whether a piece begins a word, after another one. */
function begins(former, piece) {
  if (BYTE.test(former) && BYTE.test(piece)) return false;
  if (piece.startsWith(WORD_START) || piece.startsWith("<") || former.startsWith("<")) return true;
  if (former === WORD_START) return false; // a mark alone belongs to what follows
  return WITHOUT_SPACES.test([...former].at(-1)) || WITHOUT_SPACES.test([...piece][0]);
}

/** What is written of the pieces of a word. */
function word(pieces) {
  if (!pieces.every((piece) => BYTE.test(piece))) return pieces.join("").replaceAll(WORD_START, "");
  const bytes = pieces.map((piece) => parseInt(BYTE.exec(piece)[1], 16));
  return new TextDecoder().decode(new Uint8Array(bytes));
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
    spans.map(([start, end]) => word(pieces.slice(start, end)));
  return { target: words(targetPieces, rows), source: words(sourcePieces, columns), weights };
}
