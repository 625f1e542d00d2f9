"""What all batches share: length buckets, few static shapes, an order that a seed fixes."""

import numpy as np


def bucket_bounds(lengths, max_buckets):
    """Upper bounds of at most `max_buckets` length buckets with the least padding in all.

    Exact, by dynamic programming over the histogram of lengths.

    Args:
        lengths: integers, one a row.
        max_buckets: number of bounds at most.

    Returns:
        Increasing list; the last is the greatest length.

    >>> bucket_bounds([3, 3, 4, 9, 9], 2)
    [4, 9]
    """
    values, counts = np.unique(lengths, return_counts=True)
    n = len(values)
    total = np.concatenate([[0], np.cumsum(counts)])
    # cost[j]: padded size of the first j lengths in the buckets used so far.
    cost = np.concatenate([[0.0], np.full(n, np.inf)])
    choices = []
    for _ in range(min(max_buckets, n)):
        candidates = cost[:, None] + (total[None, 1:] - total[:, None]) * values[None, :]
        candidates[np.arange(n + 1)[:, None] > np.arange(n)[None, :]] = np.inf
        choice = np.argmin(candidates, axis=0)
        cost = np.concatenate([[0.0], candidates[choice, np.arange(n)]])
        choices.append(choice)
    bounds, end = [], n
    for choice in reversed(choices):
        bounds.append(int(values[end - 1]))
        end = int(choice[end - 1])
        if end == 0:
            break
    return bounds[::-1]


def batch_count(members, rows):
    """The number of batches of `rows` rows that hold `members` rows; the last may not be full."""
    return -(-members // rows)


def batch_counts(members, rows, pass_on=False):
    """The number of batches of each bucket: see `BucketedBatches`.

    Args:
        members: list of integers, the rows in each bucket.
        rows: list of integers, the rows of a batch of each bucket.
        pass_on: whether the rows that fill no batch join the next bucket.

    >>> batch_counts([5, 5], [4, 4]), batch_counts([5, 5], [4, 4], pass_on=True)
    ([2, 2], [1, 2])
    """
    counts, passed_on = [], 0
    for bucket, (size, of_batch) in enumerate(zip(members, rows, strict=True)):
        size, passed_on = size + passed_on, 0
        if pass_on and bucket + 1 < len(members):
            passed_on = size % of_batch
        counts.append(batch_count(size - passed_on, of_batch))
    return counts


class BucketedBatches:
    """Batches of few static shapes, in an order that `seed` fixes.

    Rows of like lengths share a bucket, and each bucket has one shape, so that XLA compiles each
    bucket once. The order is a pure function of (seed, epoch), so training resumes at any step of
    any epoch. Batches are assembled with numpy in a generator under `tf.data`: a shuffling
    `tf.data` pipeline would keep its order in an iterator, to be saved and restored, and a
    `keras.utils.PyDataset` cannot start within an epoch.

    Subclasses define `batch`, or `batch_at` where a batch has random parts.

    Args:
        buckets: list of integer arrays, the indices of the rows in each bucket.
        rows: list of integers, the rows of a batch of each bucket.
        seed: integer.
        pass_on: whether the rows that fill no batch join the next bucket in that epoch, so that
            only one batch is not full; every row must fit into all later buckets.
    """

    # Seconds of work on the batches given so far that other threads than the generator's did, less
    # the seconds that the generator has waited for them: for who measures how fast batches come.
    background = 0.0
    # Rows of a batch that belong together: no share of a batch takes them apart.
    together = 1

    def __init__(self, buckets, rows, seed, pass_on=False):
        self._buckets, self._rows, self._pass_on = buckets, rows, pass_on
        self.seed = seed
        # How many batches of each bucket: which rows they hold changes, their number does not.
        self._counts = batch_counts([len(members) for members in buckets], rows, pass_on)

    def __len__(self):
        """Number of batches, the same in every epoch."""
        return sum(self._counts)

    def _batches_of(self, random):
        """For each bucket, the list of its batches: arrays of indices of rows."""
        passed_on = np.array([], int)
        for bucket, (members, rows) in enumerate(zip(self._buckets, self._rows, strict=True)):
            members = random.permutation(np.concatenate([passed_on, members]))
            if self._pass_on and bucket + 1 < len(self._buckets):
                whole = len(members) // rows * rows
                members, passed_on = members[:whole], members[whole:]
            yield [members[i : i + rows] for i in range(0, len(members), rows)]

    def order(self, epoch, window=None):
        """The batches of an epoch as a list of (bucket, indices of rows).

        Where the rows are those of one window of a corpus, each window has an order of its own.
        """
        # The 2 sets windows apart from whatever else is drawn from (seed, epoch, an integer).
        part = [] if window is None else [window, 2]
        random = np.random.default_rng([self.seed, epoch, *part])
        batches = [
            (bucket, indices)
            for bucket, of_bucket in enumerate(self._batches_of(random))
            for indices in of_bucket
        ]
        return [batches[i] for i in random.permutation(len(batches))]

    def describe(self, epoch, step):
        """Which rows the batch of a step of an epoch holds, in words."""
        _, indices = self.order(epoch)[step]
        shown = ", ".join(str(index) for index in sorted(indices)[:20])
        return f"rows {shown}{', ...' if len(indices) > 20 else ''} of the data, counted from 0"

    def batch(self, bucket, indices):
        """The arrays of one batch, as `fit` takes them."""
        raise NotImplementedError

    def batch_at(self, epoch, step, bucket, indices):
        """The batch of a step; what is random in it depends on (seed, epoch, step) alone."""
        return self.batch(bucket, indices)

    def epochs(self, first_epoch=0, first_step=0, epochs=None):
        """Batches from a step of an epoch on, for `epochs` epochs or for ever."""
        epoch = first_epoch
        while epochs is None or epoch < first_epoch + epochs:
            order = self.order(epoch)
            for step in range(first_step, len(order)):
                yield self.batch_at(epoch, step, *order[step])
            epoch, first_step = epoch + 1, 0

    def example(self):
        """A batch that has the structure of all of them."""
        return next(self.epochs())

    def dataset(self, first_epoch=0, first_step=0, epochs=None, shares=None):
        """`epochs` as a prefetched `tf.data.Dataset`; give `fit` `steps_per_epoch=len(batches)`.

        Args:
            first_epoch, first_step, epochs: those of `epochs`.
            shares: `(indices, count)`, to take each batch apart by its rows into `count` shares of
                like size and give those of `indices` one after the other; together the shares
                hold every row once.
        """
        import tensorflow as tf

        def batches():
            for batch in self.epochs(first_epoch, first_step, epochs):
                if shares is None:
                    yield batch
                else:
                    indices, count = shares
                    yield from (share_of(batch, index, count, self.together) for index in indices)

        dataset = tf.data.Dataset.from_generator(
            batches,
            output_signature=tf.nest.map_structure(
                lambda array: tf.TensorSpec((None,) * array.ndim, array.dtype),
                self.example(),
            ),
        )
        if epochs is not None:  # so that `evaluate` knows when to stop
            steps = (epochs * len(self) - first_step) * (1 if shares is None else len(shares[0]))
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
        return dataset.prefetch(8)


def share_of(batch, index, count, together=1):
    """Share `index` of `count` of a batch's rows, in every array of the structure.

    Every `together` rows, counted from the first, are in one share.
    """
    from keras import tree  # here: texts are encoded where there is no Keras

    def rows(array):
        units = len(array) // together
        bounds = (together * (units * each // count) for each in (index, index + 1))
        return array[slice(*bounds)]

    return tree.map_structure(rows, batch)


def id_arrays(rows):
    """The id lists as int32 arrays, and their lengths (N,)."""
    arrays = [np.asarray(row, np.int32) for row in rows]
    return arrays, np.array([len(array) for array in arrays], int)


def padded(arrays, indices, shape, padding_id):
    """The rows `indices` of `arrays` as int32 of `shape`, filled with `padding_id`."""
    result = np.full(shape, padding_id, np.int32)
    for row, index in enumerate(indices):
        result[row, : len(arrays[index])] = arrays[index]
    return result
