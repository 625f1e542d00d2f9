"""The artifact directory: formats, manifest, parity, precision."""
