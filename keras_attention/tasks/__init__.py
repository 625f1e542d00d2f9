"""What this package can be trained for, each task in a folder of its own."""
