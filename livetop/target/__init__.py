"""A process from outside: identity, permission, vectored reads, maps, ptrace stops, its files."""
