"""Has children as it is told, an order a line, each answered by a line of JSON once it is done.

Children work in `hot` and end with their parent, but for those that are told to live on.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

CHILDREN = []


def hot(rounds):
    total = 0
    for number in range(rounds):
        total += number * number
    return total


def work(seconds=None):
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        hot(5000)


def with_parent():
    """End when our parent does; and by ourselves, if it has ended already."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.alarm(120)


def start(what, *args):
    pid = os.fork()
    if not pid:
        with_parent()
        what(*args)
        os._exit(0)
    return pid


def fork(count="1"):
    """Children with the same image."""
    return [start(work) for _ in range(int(count))]


def spawn(*argv):
    """Another program."""
    null = subprocess.DEVNULL
    CHILDREN.append(subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, preexec_fn=with_parent))
    return CHILDREN[-1].pid


def fork_to_exec(*argv):
    """A child that becomes another program when it is told to by SIGUSR1."""

    def become(number, frame):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        os.execv(argv[0], argv)

    signal.signal(signal.SIGUSR1, become)
    return start(work)


def nobody():
    """A child that gives up its rights."""
    # With the rights goes what with_parent() asked for.
    return start(lambda: (os.setgid(65534), os.setuid(65534), with_parent(), work()))


def told_by(middle, wait):
    """What a child of a child is called; the child is waited for if it ends."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        with_parent()
        child = os.fork()
        if not child:
            signal.alarm(60)
            work()
        os.write(write, str(child).encode())
        middle()
        os._exit(0)
    if wait:
        os.waitpid(pid, 0)
    return [pid, int(os.read(read, 20))]


def orphan():
    """A grandchild whose parent is dead before anybody could look."""
    return told_by(lambda: None, wait=True)[1]


def nested():
    """A child that has one of its own, which lives on when its parent ends."""
    return told_by(work, wait=False)


def survivor():
    """A child that lives on without us, for a while."""
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        work()
    return pid


def storm(count, seconds):
    """Many children with short lives, some at a time."""
    left, running = int(count), 0
    while left or running:
        while left and running < 20:
            start(time.sleep, float(seconds))
            left, running = left - 1, running + 1
        os.wait()
        running -= 1
    return int(count)


def burn(seconds):
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        hot(500)


def burning(count, seconds):
    """Children one after the other that use so much CPU time each; what all have used so far."""
    for _ in range(int(count)):
        os.waitpid(start(burn, float(seconds)), 0)
    times = os.times()
    return times[2] + times[3]


def end(pid):
    """Kill a child and wait for it."""
    os.kill(int(pid), signal.SIGKILL)
    return os.waitpid(int(pid), 0)[0]


def leave_dead(pid):
    """Kill a child and do not wait for it."""
    os.kill(int(pid), signal.SIGKILL)
    return int(pid)


def pool(method, count):
    """A pool of workers of multiprocessing, kept busy."""
    import multiprocessing

    workers = multiprocessing.get_context(method).Pool(int(count), with_parent)
    CHILDREN.append(workers)
    workers.map_async(hot, [200000] * 100000, chunksize=10)
    return sorted(process.pid for process in workers._pool)


def executor(count):
    """The same of concurrent.futures."""
    from concurrent.futures import ProcessPoolExecutor

    workers = ProcessPoolExecutor(int(count), initializer=with_parent)
    CHILDREN.append((workers, [workers.submit(work) for _ in range(int(count))]))
    return sorted(workers._processes)


def leave(code):
    os._exit(int(code))


ORDERS = [
    fork,
    spawn,
    fork_to_exec,
    nobody,
    orphan,
    nested,
    survivor,
    storm,
    burning,
    end,
    leave_dead,
    pool,
    executor,
    leave,
]


def say(what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["child"]:
        with_parent()
        work()
    orders = {order.__name__: order for order in ORDERS}
    say({"pid": os.getpid()})
    for line in iter(sys.stdin.readline, ""):
        order, *words = line.split()
        say(orders[order](*words))
