"""The base class of published model families: what reading and writing a checkpoint asks of one."""

from keras_attention._validation import InputError, with_article


class Family:
    """A published family, without state; its one instance stands in `families.FAMILIES`.

    A new family derives from this class in a file of its own, or from `EncoderFamily` where it is
    one of encoders. It provides the attributes and the methods that raise `NotImplementedError`
    here. Names of tensors are those of the bare model, without `prefix`, unless said otherwise.

    Attributes:
        model_type: what config.json calls the family.
        name: what messages call it.
        bare_class: the class of our model without a head.
        bare_task: the task of such a model, which a checkpoint of any head can be loaded for; None
            where there is none, as with language models.
        head_classes: the classes of our models with a head.
        prefix: of the bare model's tensors in a checkpoint of a model with a head.
        head_prefixes: what the names of heads' tensors begin with. They tell a head in a checkpoint
            whose other tensors lack `prefix`; there is none such of a family without these.
        ignored: names of tensors that are copies of others, or no weights, as they stand after
            `prefix`.
        supported: dict from a name in config.json to a tuple of values: a config that gives the
            name must give one of these.
        sizes: dict from a name in config.json to our argument: each must be there and be a positive
            integer.
        optional_sizes: the same of sizes that may be missing or null.
        rates: dict from a name in config.json to our argument: each is in [0, 1) where given.
        other_rates: further names of rates in config.json, of heads.
        token_ids: names in config.json of ids of tokens: each is null, or from 0 on and below the
            config's `vocab_size`.
        divisors: pairs of sizes in config.json, the second of which must divide the first.
        epsilon: the name of the norms' epsilon in config.json, and its default; None where the
            family has a constant one.
        architectures: dict from a name that "architectures" may hold to a task.
        heads: dict from a task other than `bare_task` to the tensor that shows that a checkpoint
            holds the head for it; the whole name. Where two tasks have the same, "architectures"
            tells them apart, also from heads that no model here has.
    """

    model_type = None
    name = None
    bare_class = None
    bare_task = None
    head_classes = ()
    prefix = ""
    head_prefixes = ()
    ignored = ()
    supported = {}
    sizes = {}
    optional_sizes = {}
    rates = {}
    other_rates = ()
    token_ids = ()
    divisors = ()
    epsilon = None
    architectures = {}
    heads = {}

    @property
    def tasks(self):
        """The tasks that a checkpoint of the family can be loaded for. The first is the default."""
        return (*([] if self.bare_task is None else [self.bare_task]), *self.heads)

    def known_name(self, name):
        """A tensor's name as `parts` has it, from the one that a file uses."""
        return name

    def ignores(self, name, config):
        """Whether a tensor is a copy of another, or no weight.

        Args:
            name: from `known_name`, after `prefix`.
            config: dict that `read_config` returned.
        """
        return name in self.ignored

    def faults(self, config):
        """What the family's models cannot be, beside what its attributes say: a list of clauses.

        Args:
            config: dict of config.json, in which the values that attributes speak of are right.
        """
        return []

    # Reading

    def shows_head(self, task, names):
        """Whether tensors of these names may hold the head for a task, one of `heads`."""
        return self.heads[task] in names

    def task_config(self, task, config, path):
        """The config, with what the head for a task needs of it.

        Args:
            task: one of `tasks`.
            config: dict that `read_config` returned.
            path: of config.json, for messages.

        Raises:
            InputError: if the config speaks of a head that no model here has.
        """
        return config

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
            config: dict that `task_config` returned.
            shapes: of the checkpoint's tensors, a dict by name, with `prefix` where there is a
                head.
        """
        raise NotImplementedError

    def complete(self, model, config, path):
        """Gives a model that has its weights what else the config says, such as `labels`.

        Args:
            model: from `make`.
            config: dict that `task_config` returned.
            path: of config.json, for messages.

        Raises:
            InputError: if it does not fit the model.
        """

    def load_tokenizer(self, directory):
        """The tokenizer in a directory."""
        raise NotImplementedError

    # Reading and writing

    def bare(self, model):
        """The model without its head, of `bare_class`; `model` where it has none."""
        return model

    def parts(self, model):
        """`{name: Part}` of a model: the tensors of its checkpoint, with `prefix` where it has a
        head.
        """
        raise NotImplementedError

    # Writing

    def describes(self, model):
        """Whether one of our models, or a subclass of it, is of this family."""
        return isinstance(self.bare(model), self.bare_class)

    def architecture(self, model):
        """The name for "architectures" of one of our models.

        Raises:
            ValueError: if the family has no such model.
        """
        raise NotImplementedError

    def config(self, model):
        """config.json of one of our models but for architectures, labels and the tokenizer's ids.

        Raises:
            ValueError: if the family cannot express it.
        """
        raise NotImplementedError

    def added_tensors(self, model):
        """`{name: array}` of tensors that the family has and a model of ours has no weights for."""
        return {}

    def label_config(self, model, labels=None):
        """What config.json says of the classes of a model; nothing where it has none.

        Args:
            model: one of our models.
            labels: names of its classes, a list of str, or None for its own.

        Raises:
            InputError: if labels are given for a model without classes.
            ValueError: if they are not one a class.
        """
        if labels is not None:
            raise InputError(
                f"`labels` are names of classes; {with_article(type(model).__name__)} has no "
                "classes."
            )
        return {}

    def save_tokenizer(self, tokenizer, directory):
        """Writes the files of a tokenizer into the directory that has the model's."""
        tokenizer.save(directory)

    def tokenizer_config(self, tokenizer):
        """What config.json says of a tokenizer."""
        return {"pad_token_id": tokenizer.special_ids.padding}
