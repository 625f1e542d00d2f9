"""The run directory: config, digests, the model's file, the training loop."""
