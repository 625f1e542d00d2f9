"""What both clients of a classifier know of it: its artifact's manifest.json."""

import json


class Classifier:
    """The names that a classifier's numbers stand for.

    Args:
        path: of the manifest.json of its artifact.
    """

    def __init__(self, path):
        self.path = path
        try:
            with open(path, encoding="utf-8") as file:
                manifest = json.load(file)
            kind = manifest["kind"]
        except OSError as error:
            raise SystemExit(f"{path} cannot be read ({error.strerror}).") from None
        except (ValueError, KeyError, TypeError):
            raise SystemExit(f"{path} is not the manifest of an artifact.") from None
        if kind != "classifier":
            raise SystemExit(f"{path} is of a {kind}, not of a classifier.")
        self.labels, self.takes_pairs = manifest["labels"], manifest["takes_pairs"]
        self.is_regression = manifest.get("problem_type") == "regression"

    def inputs(self, start, lines):
        """The inputs of lines by their names; `start` is the number of the first, from 0 on."""
        if not self.takes_pairs:
            return {"text": lines}
        pairs = [line.split("\t") for line in lines]
        for number, pair in enumerate(pairs, start + 1):
            if len(pair) != 2:
                raise SystemExit(f"Line {number}: expected two texts with one tab between them.")
        return {"text": [one for one, _ in pairs], "text_pair": [other for _, other in pairs]}

    def line(self, found):
        """What is said of one text, as JSON; a regression has no label.

        Args:
            found: the server's outputs for it, by their names.
        """
        outputs = {"scores"} if self.is_regression else {"label", "probabilities"}
        if set(found) != outputs:
            self.refuse("in what they give")
        label = found.get("label")
        scores = found["scores" if self.is_regression else "probabilities"]
        named = dict(zip(self.labels, scores, strict=False))
        # The server says the best label's name, which shows whether both are of one artifact.
        is_best = self.is_regression or (label in named and named[label] == max(scores))
        if len(self.labels) != len(scores) or not is_best:
            self.refuse("in labels")
        said = {} if self.is_regression else {"label": label}
        said["scores"] = {name: round(float(value), 6) for name, value in named.items()}
        return json.dumps(said, ensure_ascii=False)

    def refuse(self, difference):
        """Ends the program: the manifest is not that of the server's model."""
        raise SystemExit(
            f"{self.path} is not of the artifact that the server runs: they differ {difference}."
        )
