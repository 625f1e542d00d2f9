import copy

import tensorflow as tf

from keras_attention.text import SentencePieceTokenizer
from keras_attention.text.tokenizers.graph_module import GraphModule
from tests.text.tokenizers.tokenizer_texts import model


class Doubler(GraphModule):
    """Has something to track."""

    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = tf.Variable(factor)


def test_objects_are_modules_of_their_class():
    first, second = Doubler(2.0), Doubler(factor=3.0, name="three")
    assert type(first) is type(second)
    for module in (first, second):
        assert isinstance(module, Doubler) and isinstance(module, tf.Module)
    assert (type(first).__name__, type(first).__module__) == ("Doubler", __name__)
    assert type(first).__doc__ == Doubler.__doc__
    assert (first.name, second.name) == ("doubler", "three")
    assert [float(variable) for variable in second.variables] == [3.0]


def test_classes_do_not_mix():
    class Other(Doubler):
        pass

    assert isinstance(Other(1.0), Doubler) and not isinstance(Doubler(1.0), Other)
    assert isinstance(SentencePieceTokenizer(model()), tf.Module)
    assert not isinstance(SentencePieceTokenizer(model()), Doubler)


def test_a_copy_is_of_the_same_class():
    original = Doubler(2.0)
    copied = copy.copy(original)
    assert type(copied) is type(original) and copied.factor is original.factor
