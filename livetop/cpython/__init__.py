"""What the memory of a CPython process means: layouts, runtime, threads, frames, code."""
