"""A target whose time is half native and half Python: packed() is all zlib, counted() all Python."""

import threading
import time
import zlib


def packed(data):
    return zlib.compress(data, 9)


def counted(rounds):
    total = 0
    while total < rounds:
        total += 1
    return total


def main():
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=lock.acquire, name="waits", daemon=True).start()
    data = bytes(range(256)) * 400
    print("ready", flush=True)
    while True:
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            packed(data)
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            counted(20_000)


main()
