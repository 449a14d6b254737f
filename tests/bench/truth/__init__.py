"""What a program knows of its own time, what profilers say of it, and how far the two are apart."""
