"""C stacks: modules, unwinding, merging with Python stacks, the verdict whose time it is."""
