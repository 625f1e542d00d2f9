"""The signature `ids` of a translator as a function of arrays to arrays."""


def generate_by(run):
    """`generate(source_ids[, seed=...]) -> (token_ids, score)` by a signature."""

    def generate(source_ids, **seeds):
        outputs = run(source_ids=source_ids, **seeds)
        return outputs["token_ids"], outputs["score"]

    return generate
