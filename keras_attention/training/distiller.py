"""Knowledge distillation: a student that learns from a teacher's answers and hidden states."""

import contextlib

import keras
from keras import ops

from keras_attention._validation import (
    require,
    require_parts,
    require_positive_number,
    with_python_numbers,
)
from keras_attention.problem_types import PROBLEM_TYPES, SINGLE_LABEL
from keras_attention.training.distilled_model import DistilledModel, require_same_outputs
from keras_attention.training.distilled_weights import (
    hidden_weights,
    mean_of_counted,
    soft_weights,
    weighted_part,
    without_padding,
)
from keras_attention.training.exact_training import ExactTraining
from keras_attention.training.linear_distillation import linear_distillation
from keras_attention.training.loss_terms import by_output, loss_terms
from keras_attention.training.projected_terms import cross_entropy_arguments, takes_projection
from keras_attention.training.soft_targets import hidden_losses, soft_target_losses
from keras_attention.training.token_metrics import TokenScores

PARTS = ("soft_loss", "hard_loss", "hidden_loss")  # in the order of `weights`
WEIGHTS = (5.0, 2.0, 1.0)
TEMPERATURE = 2.0


class Distiller(ExactTraining, keras.Model):
    """Trains a student on what a teacher says of the same inputs.

    The loss of a step is the weighted sum of three means:

    - soft targets: T squared times the divergence of the student's softmax from the teacher's, both
      of logits divided by the temperature T (`soft_target_losses`);
    - hard targets: the loss that `compile` is given;
    - hidden states: 1 minus the cosine of the student's and the teacher's last hidden states. Where
      their widths differ, a learned projection brings the student's to the teacher's; it belongs to
      this model and not to the student.

    What counts in the hard loss counts in the soft one: `sample_weight`, the slots of
    `"mask_positions"`, masks of Keras. Hidden states count at all tokens of a row of which anything
    counts. Padding enters none of the three.

    The teacher runs in inference mode within the compiled step. It is not trained, not counted and
    not part of what this model saves. `evaluate` and `predict` are those of the student alone: the
    validation loss is that of hard targets. Save `distiller.student`.

    It trains like every model of this package: `micro_batches`, `jit_gradients`, `Snapshots`, and
    in the scope of a `tf.distribute` strategy, where the teacher must have been made too.

    Args:
        student: a built `keras.Model` of one output, logits (B, ..., C).
        teacher: a built `keras.Model` of the same inputs and outputs.
        temperature: T, a number above 0.
        weights: three numbers from 0 on, one of them above 0: what the means of soft targets, of
            hard targets and of hidden states count.
        hidden_layers: names of the layers of student and teacher whose outputs are the hidden
            states (B, ..., D); by default the encoders of this package's heads, and needed for
            other models unless the weight of hidden states is 0.
        problem_type: what the logits mean; by default what a head of this package says, else
            "single_label_classification".

    Raises:
        ValueError: if an argument is out of range, or the models do not belong together.

    Example:

    >>> teacher = Classifier.from_preset("mini", num_classes=2, vocabulary_size=99)
    >>> student = Classifier.from_preset("tiny", num_classes=2, vocabulary_size=99)
    >>> distiller = Distiller(student, teacher, temperature=2.0, weights=(5, 2, 1))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> distiller.compile(keras.optimizers.Adam(1e-4), loss)
    >>> history = distiller.fit(batches.dataset(epochs=1), verbose=0)

    Reference: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2,
    https://arxiv.org/abs/1503.02531; Sanh et al. 2019, "DistilBERT, a distilled version of BERT",
    sections 2 and 3, https://arxiv.org/abs/1910.01108
    """

    @with_python_numbers
    def __init__(
        self,
        student,
        teacher,
        temperature=TEMPERATURE,
        weights=WEIGHTS,
        hidden_layers=None,
        problem_type=None,
        name="distiller",
    ):
        super().__init__(name=name)
        require_positive_number("temperature", temperature)
        require_parts("weights", weights, ("soft", "hard", "hidden"))
        names = (None, None) if hidden_layers is None else tuple(hidden_layers)
        require(len(names) == 2, "hidden_layers", "two names", hidden_layers=hidden_layers)
        own = student.problem_type if isinstance(student, ExactTraining) else SINGLE_LABEL
        problem_type = own if problem_type is None else problem_type
        require(
            problem_type in PROBLEM_TYPES,
            "problem_type",
            f"one of {PROBLEM_TYPES}",
            problem_type=problem_type,
        )
        has_hidden = weights[2] > 0
        self._student = DistilledModel(student, "student", names[0], has_hidden)
        self._teacher = DistilledModel(teacher, "teacher", names[1], has_hidden)
        require_same_outputs(self._student, self._teacher)
        self.student = student
        # Past Keras' tracking: its weights are not of this model.
        object.__setattr__(self, "teacher", teacher)
        self.temperature = temperature
        self.weights_of_parts = tuple(map(float, weights))
        self.problem_type = problem_type
        self.output_names = (
            student.output_names if isinstance(student, ExactTraining) else ["output"]
        )
        self.hidden_projection = None
        if has_hidden and self._student.width != self._teacher.width:
            self.hidden_projection = keras.layers.Dense(
                self._teacher.width, use_bias=False, dtype="float32", name="hidden_projection"
            )
            self.hidden_projection.build((None, self._student.width))
        # Sums in float64, where there is such: see `EpochLoss`.
        dtype = "float64" if keras.backend.backend() == "tensorflow" else None
        self.part_losses = [keras.metrics.Mean(name, dtype) for name in PARTS]
        self._is_evaluating = False
        self.built = True

    def call(self, inputs, training=None):
        return self.student(inputs, training=training)

    def compute_output_spec(self, inputs, training=None):
        return self.student.compute_output_spec(inputs)

    def projected_logits(self, inputs, training=None):
        if not self._student.can_project:
            return None
        return self._student.projected(inputs, training)[0]

    # The losses of a step

    def step_terms(self, part, rows, training, eagerly=None):
        if not training:
            terms, outputs = super().step_terms(part, rows, training, eagerly)
            return [(1.0, factor * mean, count) for factor, mean, count in terms], outputs
        if self.is_projected():
            return self._projected_terms(part, rows)
        outputs, hidden = self._student.outputs(part[0], training=True)
        teacher = self._teacher.outputs(part[0], training=False) if self._asks_teacher() else ()
        return self._terms(part, rows, (outputs, hidden), teacher, eagerly), outputs

    def is_projected(self):
        """Whether loss and metrics can do without the logits of student and teacher."""
        return (
            self._student.can_project
            and self._teacher.can_project
            and self.weights_of_parts[0] > 0
            and self.problem_type == SINGLE_LABEL
            and takes_projection(self)
        )

    def _asks_teacher(self):
        return self.weights_of_parts[0] > 0 or self.weights_of_parts[2] > 0

    def _terms(self, part, rows, student, teacher, eagerly=None):
        """The losses, from the logits and hidden states of both: as `step_terms`."""
        soft, hard, hidden = self.weights_of_parts
        given, (part, weights) = part, self._weighted(part, student[0])
        found = []
        if soft:
            targets = by_output(part[1], self, student[0])
            weights = soft_weights(self.loss, targets, student[0], weights)
            teacher_logits = ops.stop_gradient(teacher[0])
            losses = soft_target_losses(
                student[0], teacher_logits, self.temperature, self.problem_type
            )
            found.append((soft, *mean_of_counted(losses, weights, rows)))
        if hard:
            mask = self._student.token_mask(given[0], None)
            part, outputs = without_padding(given, part, student[0], mask, self.loss)
            ((factor, mean, count),) = loss_terms(self, part, rows, outputs, eagerly)
            found.append((hard, factor * mean, count))
        if hidden:
            found.append(self._hidden_term(part, rows, student[1], teacher[1]))
        return found

    def _projected_terms(self, part, rows):
        """As `step_terms`, with neither the student's logits nor the teacher's: only chunks."""
        soft, hard, hidden = self.weights_of_parts
        (states, projection), last = self._student.projected(part[0], training=True)
        (teacher_states, teacher_projection), teacher_last = self._teacher.projected(
            part[0], training=False
        )
        part, _ = self._weighted(part, states)
        size = projection.kernel.shape[0 if projection.transposed else 1]
        factor, arguments, mask = cross_entropy_arguments(self, part, states, size)
        total, hard_sum, soft_sum, log_probabilities, accuracies = linear_distillation(
            states,
            projection,
            teacher_states,
            teacher_projection,
            temperature=self.temperature,
            hard=hard * factor,
            soft=soft,
            **arguments,
        )
        count = ops.sum(arguments["weights"])
        means = [ops.divide_no_nan(n, count) for n in (total, hard_sum, soft_sum)]
        total, hard_mean, soft_mean, count = (ops.where(rows > 0, n, 0.0) for n in (*means, count))
        # One backward pass has the gradient of both: the soft term brings it, beside its value.
        with_gradient = soft_mean + (total - ops.stop_gradient(total)) / soft
        found = [(soft, with_gradient, count)]
        if hard:
            found.append((hard, factor * hard_mean, count))
        if hidden:
            found.append(self._hidden_term(part, rows, last, teacher_last))
        return found, TokenScores(log_probabilities, accuracies, mask)

    def _weighted(self, part, outputs):
        """`weighted_part` of the model's own output."""
        x, y, sample_weight = part
        sample_weight = by_output(sample_weight, self, outputs)
        return weighted_part((x, y, sample_weight), outputs, self._student.token_mask(x, None))

    def _hidden_term(self, part, rows, hidden, teacher_hidden):
        x, _, sample_weight = part
        mask = self._student.token_mask(x, hidden)
        if self.hidden_projection is not None:
            hidden = self.hidden_projection(hidden)
        losses = hidden_losses(hidden, ops.stop_gradient(teacher_hidden))
        weights = hidden_weights(losses, mask, sample_weight)
        return self.weights_of_parts[2], *mean_of_counted(losses, weights, rows)

    # Logs

    def loss_means(self):
        soft, hard, hidden = self.part_losses
        if self._is_evaluating:
            return [(1.0, hard)]
        pairs = zip(self.weights_of_parts, self.part_losses, strict=True)
        return [(weight, metric) for weight, metric in pairs if weight]

    def get_metrics_result(self):
        shown = [] if self._is_evaluating else [metric.name for _, metric in self.loss_means()]
        found = super().get_metrics_result()
        return {n: value for n, value in found.items() if n not in PARTS or n in shown}

    @contextlib.contextmanager
    def _evaluating(self):
        before, self._is_evaluating = self._is_evaluating, True
        try:
            yield
        finally:
            self._is_evaluating = before

    def evaluate(self, *args, **kwargs):
        with self._evaluating():
            return super().evaluate(*args, **kwargs)

    def test_step(self, *args):
        with self._evaluating():
            return super().test_step(*args)

    def get_config(self):
        raise NotImplementedError("A Distiller is not saved: save its `student`.")

    if keras.backend.backend() != "tensorflow":
        # What the stock step of Keras calls. There is no exact one.

        def call(self, inputs, training=None):
            if not training:
                return self.student(inputs, training=training)
            teacher = self._teacher.outputs(inputs, False) if self._asks_teacher() else ()
            return {"student": self._student.outputs(inputs, True), "teacher": teacher}

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            if not isinstance(y_pred, dict):
                return super().compute_loss(x, y, y_pred, sample_weight, training)
            rows = ops.shape(y_pred["student"][0])[0]
            terms = self._terms((x, y, sample_weight), rows, y_pred["student"], y_pred["teacher"])
            for (_, metric), (_, mean, count) in zip(self.loss_means(), terms, strict=True):
                metric.update_state(mean, sample_weight=count)
            added = [ops.sum(ops.cast(loss, "float32")) for loss in self.losses]
            return sum([weight * mean for weight, mean, _ in terms] + added)

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            y_pred = y_pred["student"][0] if isinstance(y_pred, dict) else y_pred
            return super().compute_metrics(x, y, y_pred, sample_weight)


def student_of(model):
    """The model that is saved of what trains: the student of a `Distiller`, else the model."""
    return model.student if isinstance(model, Distiller) else model
