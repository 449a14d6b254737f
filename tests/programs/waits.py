"""Threads that each wait for one thing, for ever. Takes a folder to make files in.

Says {"threads": {name: native id}, "places": {name: the address that belongs to it}} once all of them are on
their way there.
"""

import ctypes
import fcntl
import json
import multiprocessing
import os
import pty
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

FOLDER = sys.argv[1]
# Children read their standard input, which ends when we do.
ENDS_WITH_US = "import sys; sys.stdin.read()"
THREADS = {}
PLACES = {}
KEPT = []
WAITS = {}


def wait(function):
    WAITS[function.__name__] = function
    return function


def path_of(name):
    return os.path.join(FOLDER, name)


def keep(thing):
    KEPT.append(thing)
    return thing


def shown(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listener(family, host, backlog=5):
    server = keep(socket.socket(family))
    server.bind((host, 0))
    server.listen(backlog)
    return server


def connection(family, host):
    """The client's end, the server's end, of a TCP connection."""
    server = listener(family, host)
    client = keep(socket.socket(family))
    client.connect(server.getsockname())
    return client, keep(server.accept()[0])


def fill(sock):
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(1 << 16))
    except BlockingIOError:
        sock.setblocking(True)


@wait
def recv_v4():
    client, _ = connection(socket.AF_INET, "127.0.0.1")
    PLACES["recv_v4"] = shown(client.getpeername())
    yield
    client.recv(1)


@wait
def recv_v6():
    client, _ = connection(socket.AF_INET6, "::1")
    PLACES["recv_v6"] = shown(client.getpeername())
    yield
    client.recv(1)


@wait
def recv_mapped():
    server = listener(socket.AF_INET, "127.0.0.1")
    client = keep(socket.socket(socket.AF_INET6))
    client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
    PLACES["recv_mapped"] = shown(server.getsockname())
    yield
    client.recv(1)


@wait
def recv_from_client():
    _, served = connection(socket.AF_INET, "127.0.0.1")
    PLACES["recv_from_client"] = f"127.0.0.1 of :{served.getsockname()[1]}"
    yield
    served.recv(1)


@wait
def send_v4():
    client, _ = connection(socket.AF_INET, "127.0.0.1")
    PLACES["send_v4"] = shown(client.getpeername())
    fill(client)
    yield
    client.sendall(bytes(1 << 24))


@wait
def recv_with_timeout():
    client, _ = connection(socket.AF_INET, "127.0.0.1")
    PLACES["recv_with_timeout"] = shown(client.getpeername())
    client.settimeout(3600)
    yield
    client.recv(1)


@wait
def accept_v4():
    server = listener(socket.AF_INET, "127.0.0.1")
    PLACES["accept_v4"] = shown(server.getsockname())
    yield
    server.accept()


@wait
def accept_v6():
    server = listener(socket.AF_INET6, "::")
    PLACES["accept_v6"] = shown(server.getsockname())
    yield
    server.accept()


@wait
def connect_v4():
    server = listener(socket.AF_INET, "127.0.0.1", 0)
    PLACES["connect_v4"] = shown(server.getsockname())
    # Nobody accepts: once the queue is full, the kernel lets the others wait.
    for _ in range(4):
        other = keep(socket.socket())
        other.setblocking(False)
        other.connect_ex(server.getsockname())
    yield
    keep(socket.socket()).connect(server.getsockname())


@wait
def udp_bound():
    sock = keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.bind(("127.0.0.1", 0))
    PLACES["udp_bound"] = shown(sock.getsockname())
    yield
    sock.recvfrom(1)


@wait
def udp_connected():
    sock = keep(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    sock.connect(("::1", 53))
    yield
    sock.recv(1)


@wait
def unix_accept():
    server = keep(socket.socket(socket.AF_UNIX))
    server.bind(path_of("listens.sock"))
    server.listen()
    yield
    server.accept()


@wait
def unix_abstract():
    server = keep(socket.socket(socket.AF_UNIX))
    server.bind(f"\0livetop-{os.getpid()}")
    server.listen()
    yield
    server.accept()


@wait
def unix_connect():
    server = keep(socket.socket(socket.AF_UNIX))
    server.bind(path_of("full.sock"))
    server.listen(0)
    keep(socket.socket(socket.AF_UNIX)).connect(path_of("full.sock"))
    yield
    keep(socket.socket(socket.AF_UNIX)).connect(path_of("full.sock"))


@wait
def unix_pair():
    one, _ = keep(socket.socketpair())
    yield
    one.recv(1)


@wait
def pipe_read():
    end, _ = os.pipe()
    yield
    os.read(end, 1)


@wait
def pipe_write():
    _, end = os.pipe()
    yield
    os.write(end, bytes(1 << 20))


@wait
def fifo_read():
    os.mkfifo(path_of("fifo"))
    end = os.open(path_of("fifo"), os.O_RDWR)
    yield
    os.read(end, 1)


@wait
def fifo_open():
    os.mkfifo(path_of("evil\n\x1b[31mfifo"))
    yield
    os.open(path_of("evil\n\x1b[31mfifo"), os.O_RDONLY)


@wait
def terminal_read():
    _, end = pty.openpty()
    yield
    os.read(end, 1)


@wait
def eventfd_read():
    end = os.eventfd(0)
    yield
    os.read(end, 8)


@wait
def long_name():
    os.mkfifo(path_of("x" * 200 + "-end"))
    end = os.open(path_of("x" * 200 + "-end"), os.O_RDWR)
    yield
    os.read(end, 1)


@wait
def file_lock():
    first, second = (keep(open(path_of("lock"), "w")) for _ in range(2))
    fcntl.flock(first, fcntl.LOCK_EX)
    yield
    fcntl.flock(second, fcntl.LOCK_EX)


@wait
def record_lock():
    first, second = (keep(open(path_of("record"), "w")) for _ in range(2))
    request = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(first, fcntl.F_OFD_SETLK, request)
    yield
    fcntl.fcntl(second, fcntl.F_OFD_SETLKW, request)


@wait
def sleep():
    yield
    time.sleep(3600)


@wait
def lock():
    held = threading.Lock()
    held.acquire()
    yield
    held.acquire()


@wait
def lock_with_timeout():
    held = threading.Lock()
    held.acquire()
    yield
    held.acquire(timeout=3600)


@wait
def empty_queue():
    yield
    queue.Queue().get()


@wait
def event():
    yield
    threading.Event().wait()


@wait
def between_processes():
    semaphore = keep(multiprocessing.Semaphore(0))
    yield
    semaphore.acquire()


@wait
def join():
    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
    yield
    libc.pthread_join(thread, None)


@wait
def child():
    process = keep(subprocess.Popen([sys.executable, "-c", ENDS_WITH_US], stdin=subprocess.PIPE))
    yield
    process.wait()


@wait
def child_by_id():
    process = keep(subprocess.Popen([sys.executable, "-c", ENDS_WITH_US], stdin=subprocess.PIPE))
    yield
    os.waitid(os.P_PID, process.pid, os.WEXITED)


@wait
def select_nothing():
    yield
    select.select([], [], [], 3600)


@wait
def select_one():
    end, _ = os.pipe()
    yield
    select.select([end], [], [])


@wait
def select_several():
    client, _ = connection(socket.AF_INET, "127.0.0.1")
    PLACES["select_several"] = shown(client.getpeername())
    end, _ = os.pipe()
    yield
    select.select([end, client], [], [client])


@wait
def poll_nothing():
    yield
    select.poll().poll()


@wait
def poll_one():
    client, _ = connection(socket.AF_INET6, "::1")
    PLACES["poll_one"] = shown(client.getpeername())
    poll = select.poll()
    poll.register(client, select.POLLIN)
    yield
    poll.poll()


@wait
def poll_pipes():
    poll = select.poll()
    for _ in range(2):
        poll.register(os.pipe()[0], select.POLLIN)
    yield
    poll.poll()


@wait
def poll_many():
    poll = select.poll()
    for _ in range(12):
        poll.register(os.pipe()[0], select.POLLIN)
    yield
    poll.poll()


@wait
def epoll_nothing():
    yield
    select.epoll().poll()


@wait
def epoll_one():
    client, _ = connection(socket.AF_INET, "127.0.0.1")
    PLACES["epoll_one"] = shown(client.getpeername())
    epoll = keep(select.epoll())
    epoll.register(client, select.EPOLLIN)
    # What wakes the loop up is not what it waits for.
    epoll.register(os.eventfd(0), select.EPOLLIN)
    yield
    epoll.poll()


@wait
def epoll_several():
    epoll = keep(select.epoll())
    for end in connection(socket.AF_INET, "127.0.0.1"):
        epoll.register(end, select.EPOLLIN)
    yield
    epoll.poll()


@wait
def a_signal():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    yield
    signal.sigwait({signal.SIGUSR1})


def run(name, rest):
    THREADS[name] = threading.get_native_id()
    ARRIVED.release()
    next(rest, None)


def failed(problem):
    sys.excepthook(problem.exc_type, problem.exc_value, problem.exc_traceback)
    os._exit(1)


threading.excepthook = failed
ARRIVED = threading.Semaphore(0)
for name, function in WAITS.items():
    rest = function()
    # Up to the yield here, so that everything is there when we say so.
    next(rest)
    threading.Thread(target=run, args=(name, rest), name=name, daemon=True).start()
for _ in WAITS:
    ARRIVED.acquire()
print(json.dumps({"threads": THREADS, "places": PLACES}), flush=True)
sys.stdin.read()
