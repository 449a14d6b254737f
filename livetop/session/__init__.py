"""The interface's end: starts or reaches an engine, keeps the model up to date."""
