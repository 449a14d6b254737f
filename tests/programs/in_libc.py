"""Spends its time in the C library: copying memory and taking powers. Says that it has begun."""

print(1, flush=True)
SOURCE = bytearray(1 << 20)
NUMBERS = [0.5] * 1000
while True:
    bytes(SOURCE)
    [number**0.3 for number in NUMBERS]
