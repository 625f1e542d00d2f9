"""`.keras` archives taken apart and put together again, as nobody but a forger would."""

import hashlib
import io
import json
import zipfile

import h5py

from keras_attention.runs.run_directory import write_digests


def signed_config(run, data):
    """What `replaced` takes to give a run another config, with the digest that fits.

    Args:
        run: the run directory.
        data: the bytes of its config.json.
    """
    entries = json.loads((run / "digests.json").read_bytes())
    entries["config.json"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return {run / "config.json": data, run / "digests.json": json.dumps(entries).encode()}


def members_of(run):
    """The bytes of each member of a run's model by their names."""
    with zipfile.ZipFile(run / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(run, members, compression=zipfile.ZIP_STORED):
    """Gives a run a model of these members, with all checksums right.

    Args:
        run: the run directory.
        members: dict, or list of pairs, of name or `zipfile.ZipInfo` -> bytes.
        compression: of `zipfile`.
    """
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(run / "model.keras", "w", compression) as archive:
        for name, data in pairs:
            archive.writestr(name, data)
    write_digests(run, run / "model.keras")


def forge_config(run, change):
    """Changes the config of a run's model by `change(dict)`, which may return another."""
    members = members_of(run)
    config = json.loads(members["config.json"])
    config = change(config) or config
    forge(run, {**members, "config.json": json.dumps(config).encode()})


def forge_weights(run, change):
    """Changes the weights of a run's model by `change(h5py.File)`."""
    members = members_of(run)
    data = io.BytesIO(members["model.weights.h5"])
    with h5py.File(data, "r+") as file:
        change(file)
    forge(run, {**members, "model.weights.h5": data.getvalue()})
