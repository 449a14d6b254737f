"""A program that knows where its time goes: truth_mix.py calibrate SECONDS THREADS, or run FOLDER THREADS SEED HALF [SECONDS].

`calibrate` runs each workload in a fresh thread of its own and prints, as JSON, what its time consists of: the
kernel's part by the thread's own stime, the interpreter's part of a native line by the same bytecode over next
to nothing, a callback's part by running the callback alone. Shares are of the workload's CPU time. The other
THREADS - 1 threads are at work with everything meanwhile: fighting for the GIL is the kernel's time, too.

`run` gives each of THREADS threads the workloads in random order, a few milliseconds each, without end or for
SECONDS; HALF is even, odd or all of them. Each burst is a record in FOLDER/N.log (RECORD: monotonic time and the thread's CPU time at its
beginning and at its end, in ns, and the number of the item), so the truth of any stretch of time can be read
from it. It says "ready" when all of them have begun. Under Scalene, only the bursts are profiled.
"""

import contextlib
import json
import math
import mmap
import os
import random
import resource
import statistics
import struct
import sys
import threading
import time
from pathlib import Path

from truth_workloads import WORKLOADS

RECORD = struct.Struct("<qqqqq")
LOG_BYTES = 64 << 20
SHORTEST, LONGEST = 5e6, 20e6
"""ns of CPU time of a burst."""
PATIENCE = 3
"""Times longer than its CPU time that a calibration may last."""
HALVES = {"even": WORKLOADS[::2], "odd": WORKLOADS[1::2], "all": WORKLOADS}

now, used = time.monotonic_ns, time.thread_time_ns


def names():
    """Item numbers -> names; a workload's second step comes right after it."""
    for workload in WORKLOADS:
        yield workload.name
        if workload.after:
            yield workload.after.__name__


NUMBER = {name: number for number, name in enumerate(names())}


def cost(run, rounds):
    before = used()
    run(rounds)
    return used() - before


def pace(run):
    """ns a round."""
    rounds = 1
    while (spent := cost(run, rounds)) < 2e6:
        rounds *= 2
    return spent / rounds


def rounds_of(workload, spend, paces):
    """How many take about `spend` ns."""
    return 1 if workload.after else max(1, round(spend / paces[workload.name]))


def alone(seconds, step):
    """(CPU ns, kernel's share of it) of a step repeated in a thread of its own."""
    found = []

    def body():
        kernel = resource.getrusage(resource.RUSAGE_THREAD).ru_stime
        began, end = used(), now() + PATIENCE * seconds * 1e9
        while used() - began < seconds * 1e9 and now() < end:
            step()
        spent = used() - began
        kernel = resource.getrusage(resource.RUSAGE_THREAD).ru_stime - kernel
        found.append((spent, kernel * 1e9 / spent))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return found[0]


def calibrate(workload, seconds, crowd):
    """What a workload's CPU time is made of: shares of it by item, and how sure they are (one sigma)."""
    paces = {workload.name: pace(workload.run)}
    # What it does next to others in short steps: a thread that gives the GIL away may wait for it each time.
    rounds = rounds_of(workload, 5e5 if crowd else 4e6, paces)
    main, after = [], []

    def step():
        main.append(cost(workload.run, rounds))
        if workload.after:
            after.append(cost(workload.after, rounds))

    with company(crowd):
        spent, kernel = alone(seconds, step)
    if after:
        # All of the second step is the kernel's.
        kernel = (kernel * spent - sum(after)) / sum(main)
    kernel = min(1.0, max(0.0, kernel))
    ticks = spent / 4e6
    by_chance = (max(kernel * (1 - kernel), 1 / ticks) / ticks) ** 0.5
    # A tick that falls into the entry of the kernel or its exit waits, and is counted to the user.
    by_entry = 0.4 * kernel * (1 - kernel)
    found = {
        "kind": workload.kind,
        "places": workload.places,
        "system": kernel,
        "unsure": math.hypot(by_chance, by_entry),
        "least": 0.0,
        "inner": 0.0,
    }
    rounds = rounds_of(workload, 4e6, paces)
    mine = statistics.median(cost(workload.run, rounds) for _ in range(20)) / rounds
    if workload.least:
        found["least"] = min(cost(workload.least, rounds) for _ in range(20)) / rounds / mine
    if workload.inner:
        name, run = workload.inner
        found["inner_name"] = name
        found["inner"] = statistics.median(cost(run, 1) for _ in range(50)) / mine
    return found


@contextlib.contextmanager
def company(crowd):
    """So many other threads at work."""
    stop = threading.Event()

    def work(rng):
        order = list(WORKLOADS)
        while not stop.is_set():
            for workload in rng.sample(order, len(order)):
                if not stop.is_set() and not workload.after:
                    workload.run(rounds_of(workload, 2e6, PACES))

    others = [threading.Thread(target=work, args=(random.Random(index),)) for index in range(crowd)]
    for thread in others:
        thread.start()
    yield
    stop.set()
    for thread in others:
        thread.join()


PACES = {}


def conduct(log, order, rng, paces, stop):
    """Bursts for as long as there is room; each step's record is written after its clock was read."""
    size, offset = len(log), 0
    while not stop.is_set():
        rng.shuffle(order)
        for workload in order:
            rounds = rounds_of(workload, rng.uniform(SHORTEST, LONGEST), paces)
            for run in (workload.run, workload.after):
                if run is None:
                    continue
                began, before = now(), used()
                run(rounds)
                after, ended = used(), now()
                RECORD.pack_into(log, offset, began, ended, before, after, NUMBER[run.__name__] + 1)
                offset += RECORD.size
        if size - offset < RECORD.size * len(NUMBER):
            raise SystemExit("the log is full")


def run(folder, threads, seed, half, seconds=None):
    paces = {workload.name: pace(workload.run) for workload in HALVES[half]}
    stop = threading.Event()
    crew = []
    for index in range(threads):
        path = Path(folder, f"{index}.log")
        path.write_bytes(b"")
        os.truncate(path, LOG_BYTES)
        with open(path, "r+b") as file:
            log = mmap.mmap(file.fileno(), LOG_BYTES)
        crew.append((log, list(HALVES[half]), random.Random(seed + index), paces, stop))
    others = [threading.Thread(target=conduct, args=arguments, daemon=True) for arguments in crew[1:]]
    profiler = sys.modules.get("scalene.scalene_profiler")
    if profiler:
        profiler.start()
    if seconds:
        threading.Timer(seconds, stop.set).start()
    for thread in others:
        thread.start()
    print("ready", flush=True)
    conduct(*crew[0])
    for thread in others:
        thread.join()
    if profiler:
        profiler.stop()


if __name__ == "__main__":
    if sys.argv[1] == "calibrate":
        seconds, crowd = float(sys.argv[2]), int(sys.argv[3]) - 1
        PACES |= {workload.name: pace(workload.run) for workload in WORKLOADS}
        parts = {workload.name: calibrate(workload, seconds, crowd) for workload in WORKLOADS}
        print(json.dumps({"items": list(NUMBER), "parts": parts}))
    else:
        run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], *map(float, sys.argv[6:7]))
