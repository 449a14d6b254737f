"""The model, pure: cells, call tree, hot lines, windows, estimates, snapshots, diff."""
