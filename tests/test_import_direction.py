"""The floors of the package: each imports only from those above it, and TensorFlow stays below."""

import ast
import sys
from pathlib import Path

import pytest

import keras_attention

ROOT = Path(keras_attention.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the top down. What shares a line may not import its neighbours, but for one package's own.
FLOORS = [
    {"_lazy", "_quiet_start", "_validation", "version"},
    {"_keras_hook", "activations", "files", "json_file", "masks", "search_options", "token_ids"},
    {"digests"},
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


def test_nothing_private_is_imported():
    private = ("keras.src", "tensorflow.python", "keras_hub.src")
    found = {
        f"{relative(path)}:{line} imports {module}"
        for path in MODULES
        for module, line in imports(path)
        if module.startswith(private) or module == "tf_keras"
    }
    assert found == set()


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
