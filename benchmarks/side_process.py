"""One side of a benchmark in a process of its own, so that its peak of memory is its own."""

import multiprocessing


class SideProcess:
    """A process that answers questions until it is told to end.

    Args:
        work: function of `arguments` and a connection. It sends what it measured first, then an
            answer to each question, until the question is "end".
        *arguments: what it is given.

    Attributes:
        first: what it measured first.
    """

    def __init__(self, work, *arguments):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=work, args=(*arguments, other), daemon=True)
        self._process.start()
        other.close()
        self.first = self._connection.recv()

    def ask(self, question):
        """What the process answers."""
        self._connection.send(question)
        return self._connection.recv()

    def end(self):
        """Ends the process."""
        self._connection.send("end")
        self._process.join()
