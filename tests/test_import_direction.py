"""The floors of the package: each imports only from those above it, and TensorFlow stays below."""

import ast
import sys
from pathlib import Path

import keras
import pytest

import keras_attention

ROOT = Path(keras_attention.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the top down. What shares a line may not import its neighbours, but for one package's own.
FLOORS = [
    {
        *("_environment", "_first_signals", "_lazy", "_quiet_start", "_validation"),
        *("keras_private", "regular_file", "version"),
    },
    {
        "_keras_hook",
        "activations",
        "json_file",
        "masks",
        "problem_types",
        "search_numbers",
        "token_ids",
    },
    {"digests", "files", "search_options"},
    {"output_lock"},
    {"new_directory"},
    {"graph"},
    {"layers"},
    {"decoding"},
    {"training"},
    {"models"},
    {"text"},
    {"checkpoints"},
    {"runs"},
    {"artifacts"},
    {"visualization"},
    {"tasks"},
    {"cli"},
]
LEVELS = {name: level for level, names in enumerate(FLOORS) for name in names}

# What `from keras_attention import name` brings that is not a module of that name.
ROOT_NAMES = {"export": "tasks", "load": "tasks", "save_run": "tasks", "__version__": "version"}

MAY_IMPORT_TENSORFLOW = (
    "graph/",
    "training/distribution.py",
    "training/exact_step.py",
    "training/workers.py",
    "text/",
    "runs/",
    "artifacts/",
    "tasks/",
)
TENSORFLOW = {"tensorflow", "tensorflow_text", "tf2onnx", "ai_edge_litert"}


def imports(path):
    """`(module, line)` of every import in a file, wherever it stands; names of this package too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively"
            if node.module == "keras_attention":
                for alias in node.names:
                    name = ROOT_NAMES.get(alias.name, alias.name)
                    yield f"keras_attention.{name}", node.lineno
            else:
                yield node.module, node.lineno


def relative(path):
    return path.relative_to(ROOT).as_posix()


def floor(path):
    return relative(path).split("/")[0].removesuffix(".py")


def upward(path):
    """The imports of `path` that break the order, as sentences."""
    own = floor(path)
    for module, line in imports(path):
        package, _, rest = module.partition(".")
        if package != "keras_attention":
            continue
        target = rest.split(".")[0]
        if target != own and LEVELS.get(target, len(FLOORS)) >= LEVELS[own]:
            yield f"{relative(path)}:{line} ({own}) imports {target or 'the package itself'}"


def test_every_module_has_a_floor():
    assert {floor(path) for path in MODULES} - {"__init__"} <= set(LEVELS)


def test_no_file_is_longer_than_300_lines():
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_each_floor_imports_only_floors_above_it():
    # The package's own __init__.py is the door to all of them.
    paths = [path for path in MODULES if path != ROOT / "__init__.py"]
    assert [sentence for path in paths for sentence in upward(path)] == []


def test_the_check_sees_every_form_of_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    layer = tmp_path / "layers" / "layer.py"
    layer.parent.mkdir()
    layer.write_text(
        "from keras_attention import masks, models\n"
        "import keras_attention.layers.other\n"
        "def f():\n"
        "    from keras_attention.models.model import Model\n"
        "    import keras_attention.training\n"
        "    from keras_attention import load\n"
        "    import keras_attention\n"
    )
    found = [sentence.split(" ", 1) for sentence in upward(layer)]
    assert sorted(found) == [
        ["layers/layer.py:1", "(layers) imports models"],
        ["layers/layer.py:4", "(layers) imports models"],
        ["layers/layer.py:5", "(layers) imports training"],
        ["layers/layer.py:6", "(layers) imports tasks"],
        ["layers/layer.py:7", "(layers) imports the package itself"],
    ]


def test_tensorflow_is_imported_only_where_it_may():
    found = {
        f"{relative(path)}:{line} imports {module}"
        for path in MODULES
        if not relative(path).startswith(MAY_IMPORT_TENSORFLOW)
        for module, line in imports(path)
        if module.split(".")[0] in TENSORFLOW
    }
    assert found == set()


def test_rooms_of_text_and_artifacts_import_tensorflow_in_functions_alone():
    """An artifact of TFLite or ONNX loads where there is no TensorFlow."""
    rooms = ("text/", "runs/", "artifacts/", "tasks/", "cli/")
    found = {
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        if relative(path).startswith(rooms)
        for node in outside_functions(ast.parse(path.read_text(encoding="utf-8")))
        for module in imported_by(node)
        if module.split(".")[0] in TENSORFLOW
    }
    assert found == set()


def outside_functions(node):
    """The nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from outside_functions(child)


def imported_by(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) else []


def test_nothing_private_is_imported():
    private = ("keras.src", "tensorflow.python", "keras_hub.src")
    found = {
        f"{relative(path)}:{line} imports {module}"
        for path in MODULES
        for module, line in imports(path)
        if module.startswith(private) or module == "tf_keras"
    }
    assert found == set()


def names_of_its_own(tree):
    """The private names that a file defines: attributes of `self` and classes, and functions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        if isinstance(node, ast.ClassDef):
            assigned = [part for part in node.body if isinstance(part, ast.Assign)]
            yield from (x.id for part in assigned for x in part.targets if isinstance(x, ast.Name))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr


def foreign_private_names(path, own):
    """Private names that `path` reads or defines and that no class of this package owns.

    Args:
        path: of the file.
        own: the private names that files of this package define, or None to take those of the file.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = set(names_of_its_own(tree)) if own is None else own
    for node in ast.walk(tree):
        name = None
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            name = getattr(node.args[1], "value", None)
        elif isinstance(node, ast.FunctionDef) and hasattr(keras.Model, node.name):
            # One that stands in for a private method of Keras.
            if node.name.startswith("_") and not node.name.startswith("__"):
                yield f"{path.name}:{node.lineno} {node.name}"
        if isinstance(name, str) and name.startswith("_") and not name.startswith("__"):
            inherited = isinstance(node, ast.Attribute) and hasattr(keras.Model, name)
            if inherited or name not in own:
                yield f"{path.name}:{node.lineno} {name}"


def test_private_names_of_keras_stand_in_one_module():
    """`_name` of any object that no class of this package has given it."""
    own = set()
    for path in MODULES:
        own.update(names_of_its_own(ast.parse(path.read_text(encoding="utf-8"))))
    allowed = {"_exit", "_replace"}  # public methods of `os` and of named tuples
    found = {
        f"{relative(path).rpartition('/')[0]}/{sentence}"
        for path in MODULES
        if relative(path) != "keras_private.py"
        for sentence in foreign_private_names(path, own | allowed)
    }
    assert found == set()


def test_the_check_sees_every_form_of_private_name(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "class Layer:\n"
        "    def _maybe_symbolic_build(self):\n"
        "        self._own = self._losses\n"
        "    def __call__(self, x):\n"
        "        return self._own, self.__class__, x._keras_mask\n"
        "def f(x, cell):\n"
        "    cell._dropout_mask = getattr(x, '_keras_shape', None)\n"
    )
    assert sorted(foreign_private_names(module, None)) == [
        "module.py:2 _maybe_symbolic_build",
        "module.py:3 _losses",
        "module.py:5 _keras_mask",
        "module.py:7 _dropout_mask",
        "module.py:7 _keras_shape",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "_compile_loss",
        "_compile_metrics",
        "_flatten_layers",
        "_loss_tracker",
        "_maybe_symbolic_build",
        "_non_trainable_variables",
        "_symbolic_build",
    ],
)
def test_keras_has_the_private_names_of_a_model(name):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    assert hasattr(model, name)


def at_import(path):
    """The modules that importing a file imports: functions run later."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def file_of(module):
    place = ROOT.parent.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.exists()), None)


@pytest.mark.parametrize("module", ["keras_attention.models", "keras_attention.training"])
def test_layers_and_models_work_without_tensorflow(module):
    """Nothing on the way of `import keras_attention` needs it, on whatever backend."""
    seen, waiting = set(), [module]
    while waiting:
        module = waiting.pop()
        # Importing a.b.c runs a and a.b too.
        parents = [module.rsplit(".", n)[0] for n in range(module.count(".") + 1)]
        for name in parents:
            if name.split(".")[0] == "keras_attention" and name not in seen:
                seen.add(name)
                waiting.extend(at_import(file_of(name)) if file_of(name) else ())
        assert module.split(".")[0] not in TENSORFLOW
    assert "keras_attention._validation" in seen  # it did look around
