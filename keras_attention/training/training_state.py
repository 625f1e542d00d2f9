"""What a training changes, by name."""


def training_state(model):
    """Every variable that training changes, seed generators and optimizer included: a dict.

    >>> [name for name in training_state(model)][:1]
    ['model/0000']
    """
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    groups = (("model", model.variables), ("optimizer", optimizer))
    return {f"{g}/{i:04d}": v for g, variables in groups for i, v in enumerate(variables)}
