"""Messages between engine and interface, their framing and limits."""
