"""Sentences near each other in meaning, by published weights and without any training.

python examples/sentence_neighbours.py BERT [--sentences FILE]

BERT is a directory of HuggingFace's with an encoder made for sentence embeddings, such as
all-MiniLM-L6-v2: config.json, model.safetensors, vocab.txt. Without a file, the sentences below are
compared.
"""

import argparse

from keras_attention import checkpoints, masks, text

import numpy as np

SENTENCES = [
    "A man is playing the guitar on stage.",
    "Somebody performs a song with a stringed instrument.",
    "The central bank raised interest rates again.",
    "Borrowing money has become more expensive.",
    "Two dogs chase each other across the snow.",
    "Puppies are running around in winter.",
]


def embed(encoder, tokenizer, sentences, max_length=128, batch_size=32):
    """(N, D): the mean of the encoder's output over the tokens of each sentence, of length 1."""
    rows = []
    for start in range(0, len(sentences), batch_size):
        inputs = tokenizer.pack(sentences[start : start + batch_size], max_length=max_length)
        sequence = encoder(inputs)["sequence_output"]  # (B, T, D)
        rows.append(np.asarray(masks.masked_mean(sequence, inputs["padding_mask"] != 0)))
    rows = np.concatenate(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main(bert, sentences=None):
    """Prints each sentence with the one nearest to it; returns the matrix of cosines (N, N)."""
    encoder = checkpoints.load_hugging_face(bert, task="encoder")
    tokenizer = checkpoints.load_tokenizer(bert)
    sentences = SENTENCES if sentences is None else text.read_lines(sentences)
    embeddings = embed(encoder, tokenizer, sentences)
    cosines = embeddings @ embeddings.T
    others = cosines - 2 * np.eye(len(sentences))
    for sentence, nearest, row in zip(sentences, others.argmax(axis=1), others, strict=True):
        print(f"{sentence}\n    {row[nearest]:.2f}  {sentences[nearest]}")
    return cosines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bert")
    parser.add_argument("--sentences")
    main(**vars(parser.parse_args()))
