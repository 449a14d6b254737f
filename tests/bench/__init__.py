"""What livetop costs and how fast it is, beside py-spy, on this machine: `python -m tests.bench`."""
