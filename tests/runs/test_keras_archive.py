"""What Keras did not write of our models is refused in a sentence, before Keras sees it."""

import os
import pickle
import resource
import stat
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_model, write_digests
from keras_attention.tasks.load import load
from tests.runs.archives import forge, forge_config, forge_weights, members_of
from tests.runs.small_runs import TEXTS

WEIGHTS = "model.weights.h5"


def refused(run):
    """The one sentence with which a run's model is refused."""
    with pytest.raises(InputError) as caught:
        read_model(run)
    said = str(caught.value)
    assert said.startswith(str(run)) and "\n" not in said and len(said) < 600
    return said


def test_an_archive_put_together_again_loads(run, small_run):
    forge(run, members_of(run))
    assert load(run).translate(TEXTS) == load(small_run).translate(TEXTS)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle(run, tmp_path, protocol):
    data = pickle.dumps(Touch(str(tmp_path / "executed")), protocol)
    (run / "model.keras").write_bytes(data)
    write_digests(run, run / "model.keras")
    said = refused(run)
    assert "model.keras: is a pickle, which may run code" in said
    assert said.endswith("expected the file that training wrote.")
    assert not (tmp_path / "executed").exists()


def test_a_pickle_in_an_archive_as_torch_writes_it(run, tmp_path):
    data = pickle.dumps(Touch(str(tmp_path / "executed")))
    forge(run, {"archive/data.pkl": data, "archive/version": b"3\n"})
    assert "expected the members metadata.json, config.json, model.weights.h5 and no" in refused(
        run
    )
    assert not (tmp_path / "executed").exists()


def test_a_model_of_old_keras(run):
    with h5py.File(run / "model.keras", "w") as file:
        file["weights"] = np.zeros(3)
    write_digests(run, run / "model.keras")
    assert "model.keras: is an HDF5 file, of Keras before version 3" in refused(run)


def entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


EXTRA = {
    "above": "../evil",
    "absolute": "/tmp/evil",
    "backwards": "..\\evil",
    "assets": "assets/vocabulary.txt",
    "weights of another kind": "model.weights.npz",
    "a folder": "config.json/",
}


@pytest.mark.parametrize("name", EXTRA)
def test_members_that_keras_does_not_write(run, name):
    forge(run, {**members_of(run), EXTRA[name]: b"data"})
    assert "and no others. Received: [" in refused(run)
    assert sorted(path.name for path in run.parent.iterdir()) == ["run"]


def test_members_that_are_missing(run):
    for name in members_of(run):
        members = members_of(run)
        del members[name]
        forge(run, members)
        assert "expected the members " in refused(run)
        members[name] = b""
        forge(run, members)
        if name != "metadata.json":  # which nobody reads
            assert name in refused(run)


def test_a_member_twice(run):
    pairs = [*members_of(run).items(), ("config.json", b"{}")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile
        forge(run, pairs)
    assert "and no others. Received: ['config.json', 'config.json', " in refused(run)


def test_a_link_as_a_member(run):
    members = members_of(run)
    pairs = [(name, data) for name, data in members.items() if name != WEIGHTS]
    forge(run, [*pairs, (entry(WEIGHTS, stat.S_IFLNK | 0o777), b"/etc/passwd")])
    assert "model.weights.h5 is not an ordinary file." in refused(run)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB


def test_an_archive_that_unpacks_to_gigabytes(run):
    members = members_of(run) | {WEIGHTS: bytes(1 << 28)}
    forge(run, members, zipfile.ZIP_DEFLATED)
    del members
    assert (run / "model.keras").stat().st_size < 1 << 20
    said = refused(run)
    assert "is compressed or encrypted." in said


def test_sizes_that_are_not_those_of_the_file(run):
    path = run / "model.keras"
    data = bytearray(path.read_bytes())
    start = data.rindex(b"PK\x01\x02")  # the last member's entry: its sizes are at 20 and 24
    claimed = (3 << 30).to_bytes(4, "little")
    for offsets, sentence in (
        ((24,), "bytes and claims 3,221,225,472."),
        ((20, 24), "its members claim more bytes than the file has."),
    ):
        for offset in offsets:
            data[start + offset : start + offset + 4] = claimed
        path.write_bytes(data)
        write_digests(run, path)
        assert sentence in refused(run)


def test_every_bit_of_the_weights_counts(run):
    path = run / "model.keras"
    data = path.read_bytes()
    start = data.index(b"\x89HDF")
    for place in np.linspace(start, start + len(members_of(run)[WEIGHTS]) - 1, 25).astype(int):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        assert "is not as its digests.json says: model.keras has been changed." in refused(run)
    write_digests(run, path)  # as somebody does who only believes digests
    assert "is not a whole .keras archive (Bad CRC-32 for file 'model.weights.h5')" in refused(run)


def layer(module, class_name, config, registered=None):
    return dict(module=module, class_name=class_name, config=config, registered_name=registered)


# What a config may ask Keras, or the one who loads, to do.
HOSTILE = {
    "lambda layer": layer("keras.layers", "Lambda", {"function": {"class_name": "__lambda__"}}),
    "lambda": layer("builtins", "__lambda__", {"value": "4wEAAAAAAAAAAA=="}),
    "download": layer("keras.utils", "function", "get_file", "get_file"),
    "system": layer("os", "function", "system", "system"),
    "module": layer("antigravity", "Layer", {}),
    "saved model": layer("keras.layers", "TFSMLayer", {"filepath": "/tmp/evil"}),
    "torch": layer("keras.layers", "TorchModuleWrapper", {"module": ""}),
    "ours by name only": layer("evil", "Maxout", {}, "keras_attention>Maxout"),
    "another name": layer("keras_attention.layers", "Maxout", {}, "evil>Maxout"),
    "array of long strings": layer(None, "__numpy__", {"value": ["a"], "dtype": "U99999999"}),
    "tensor of strings": layer(None, "__tensor__", {"value": ["a"], "dtype": "string"}),
    "array of no type": layer(None, "__numpy__", [1]),
    "no strings": layer(["keras"], {"class_name": 3}, {}),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["dtype", "deep", "whole"])
def test_configs_that_name_other_classes(run, name, place):
    def change(config):
        if place == "whole":
            return {**HOSTILE[name], "compile_config": None}
        config["config"][place] = HOSTILE[name] if place == "dtype" else [{"a": [HOSTILE[name]]}]

    forge_config(run, change)
    said = refused(run)
    assert "model.keras, config.json: expected " in said and "Received: " in said


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000]
)
def test_configs_that_are_no_json_object(run, data):
    forge(run, members_of(run) | {"config.json": data})
    assert "model.keras, config.json: " in refused(run)


def test_a_config_of_a_hundred_megabytes(run):
    forge(run, members_of(run) | {"config.json": b'"' + b"a" * (1 << 25) + b'"'})
    assert "config.json has 33,554,434 bytes; expected at most 16,777,216." in refused(run)


SIZES = {
    "vocabulary_size": 10**12,
    "source_vocabulary_size": 10**9,
    "hidden_dim": 10**6,
    "intermediate_dim": 10**9,
}


@pytest.mark.parametrize("name", SIZES)
def test_a_config_of_a_model_that_fits_no_memory(run, name):
    before = peak()
    forge_config(run, lambda config: config["config"].update({name: SIZES[name]}))
    assert "its config describes more than twice the " in refused(run)
    assert peak() - before < 200


def test_a_config_of_layers_without_end(run):
    forge_config(run, lambda config: config["config"].update(num_layers=10**9))
    assert "`num_layers` must be at most " in refused(run)


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_heads", 3), ("hidden_dim", -1), ("dropout", "x"), ("activation", {})],
)
def test_a_config_that_fits_no_class(run, name, value):
    forge_config(run, lambda config: config["config"].update({name: value}))
    assert "model.keras: cannot be loaded (" in refused(run)


def first_array(file):
    """The name of the first array, a scale of layer normalization."""
    return file.visititems(lambda name, value: name if isinstance(value, h5py.Dataset) else None)


def replaced(make):
    """A change of weights: in the place of the first array what `make(file, name)` puts there."""

    def change(file):
        name = first_array(file)
        shape = file[name].shape
        del file[name]
        make(file, name, shape)

    return change


def stored_outside(file, name, shape):
    file.create_dataset(name, shape, "float32", external=[("/etc/passwd", 0, h5py.h5s.UNLIMITED)])


def virtual(file, name, shape):
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", shape)
    file.create_virtual_dataset(name, layout)


PLACED = {
    "a link to another file": lambda f, n, s: f.update({n: h5py.ExternalLink("/etc/passwd", "/")}),
    "a link by name": lambda f, n, s: f.update({n: h5py.SoftLink("/layers")}),
    "stored in another file": stored_outside,
    "virtual": virtual,
    "compressed": lambda f, n, s: f.create_dataset(n, (10**9,), "float32", compression="gzip"),
    "in pieces": lambda f, n, s: f.create_dataset(n, s, "float32", chunks=s),
    "of objects": lambda f, n, s: f.create_dataset(n, s, h5py.string_dtype()),
    "of nothing": lambda f, n, s: f.create_dataset(n, data=h5py.Empty("float32")),
    "a type": lambda f, n, s: f.update({n: np.dtype("float32")}),
    "itself again": lambda f, n, s: f.update({n: f["layers"]}),
}


@pytest.mark.parametrize("name", PLACED)
def test_weights_that_are_no_plain_arrays(run, name):
    forge_weights(run, replaced(PLACED[name]))
    said = refused(run)
    assert "model.keras, model.weights.h5: " in said
    assert any(
        end in said
        for end in ("leads elsewhere; expected weights.", "stands there twice.", "within the file.")
    )


def test_weights_of_another_shape_or_missing(run):
    def reshaped(file, name, shape):
        file[name] = np.zeros((*shape, 2), "float32")

    forge_weights(run, replaced(reshaped))
    assert "model.keras: cannot be loaded (" in refused(run)
    forge_weights(run, replaced(lambda file, name, shape: None))
    assert "model.keras: cannot be loaded (" in refused(run)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(run, value):
    def change(file):
        file[first_array(file)][0] = value

    forge_weights(run, change)
    said = refused(run)
    assert said.endswith("numbers that are not finite in target_embedding/token_embeddings.")


def test_truncated_weights(run):
    members = members_of(run)
    for length in (0, 7, 100, len(members[WEIGHTS]) // 2, len(members[WEIGHTS]) - 1):
        forge(run, members | {WEIGHTS: members[WEIGHTS][:length]})
        assert "is not a whole HDF5 file" in refused(run)


def test_what_it_was_compiled_with_is_not_loaded(run, small_run):
    def change(config):
        config["compile_config"] = {"optimizer": layer("os", "function", "system", "system")}

    forge_config(run, change)
    assert load(run).translate(TEXTS) == load(small_run).translate(TEXTS)
