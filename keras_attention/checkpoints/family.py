"""The base class of published model families: what reading and writing a checkpoint asks of one."""

ENCODER = "encoder"


class Family:
    """A published family, without state; its one instance stands in `families.FAMILIES`.

    A new family derives from this class in a file of its own. It provides the attributes, and every
    method but `load_tokenizer`, which finds the tokenizer in a table unless overridden. Names of
    tensors are those of the bare model, without `prefix`, unless said otherwise.

    Attributes:
        model_type: what config.json calls the family.
        name: what messages call it.
        bare_class: the class of our model without a head.
        prefix: of the bare model's tensors in a checkpoint of a model with a head.
        ignored: names of tensors that are copies of others, or no weights, as they stand after
            `prefix`.
        supported: dict from a name in config.json to a tuple of values: a config that gives the
            name must give one of these.
        sizes: dict from a name in config.json to our argument: each must be there and be a positive
            integer.
        rates: dict from a name in config.json to our argument: each is in [0, 1) where given.
        other_rates: further names of rates in config.json, of heads.
        divisors: pairs of sizes in config.json, the second of which must divide the first.
        epsilon: the name of the norms' epsilon in config.json, and its default; None where the
            family has a constant one.
        architectures: dict from a name that "architectures" may hold to a task.
        heads: dict from a task other than "encoder" to the tensor that shows that a checkpoint
            holds the head for it; the whole name.
    """

    model_type = None
    name = None
    bare_class = None
    prefix = ""
    ignored = ()
    supported = {}
    sizes = {}
    rates = {}
    other_rates = ()
    divisors = ()
    epsilon = None
    architectures = {}
    heads = {}

    @property
    def tasks(self):
        """The tasks that a checkpoint of the family can be loaded for."""
        return (ENCODER, *self.heads)

    def known_name(self, name):
        """A tensor's name as `parts` has it, from the one that a file uses."""
        return name

    def arguments(self, config, names):
        """The arguments of the bare model.

        Args:
            config: dict that `read_config` returned.
            names: of the checkpoint's tensors.
        """
        raise NotImplementedError

    def large_tensors(self, arguments):
        """`{name: shape}` of tensors that show the sizes of a model, from its arguments."""
        raise NotImplementedError

    def parameters(self, arguments):
        """About how many numbers the bare model holds, from its arguments."""
        raise NotImplementedError

    def make(self, task, arguments, config, shapes):
        """A new model for a task.

        Args:
            task: one of `tasks`.
            arguments: of the bare model.
            config: dict that `read_config` returned.
            shapes: of the checkpoint's tensors, a dict by name, with `prefix` where there is a
                head.
        """
        raise NotImplementedError

    def parts(self, model):
        """`{name: Part}` of a model: the tensors of its checkpoint, with `prefix` where it has a
        head.
        """
        raise NotImplementedError

    def architecture(self, model):
        """The name for "architectures" of one of our models.

        Raises:
            ValueError: if the family has no such model.
        """
        raise NotImplementedError

    def config(self, model):
        """config.json of one of our models but for architectures, labels and the padding's id.

        Raises:
            ValueError: if the family cannot express it.
        """
        raise NotImplementedError

    def load_tokenizer(self, directory):
        """The tokenizer in a directory: the one that it names, else that of `bare_class`."""
        from keras_attention.text.tokenizers import load_encoder_tokenizer

        return load_encoder_tokenizer(directory, self.bare_class.tokenizer_class)
