"""What `dump` says threads wait for is what they wait for."""

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from livetop.cli.dump import text_lines
from livetop.sampling.dump import dump_process
from tests.integration.command_line import livetop
from tests.interpreters import supported
from tests.targets import Target, end_with_us

# Thread -> (state, what it waits for); {folder} is where its files are, {place} the address it has told.
EXPECTED = {
    "recv_v4": ("wait", "recv on {place}"),
    "recv_v6": ("wait", "recv on {place}"),
    "recv_mapped": ("wait", "recv on {place}"),
    "recv_from_client": ("wait", "recv on client {place}"),
    "send_v4": ("wait", "send to {place}"),
    "recv_with_timeout": ("idle", "poll on {place}"),
    "accept_v4": ("idle", "accept on {place}"),
    "accept_v6": ("idle", "accept on {place}"),
    "connect_v4": ("wait", "connect to {place}"),
    "udp_bound": ("wait", "recv on UDP {place}"),
    "udp_connected": ("wait", "recv on UDP [::1]:53"),
    "unix_accept": ("idle", "accept on unix socket {folder}/listens.sock"),
    "unix_abstract": ("idle", "accept on unix socket @livetop-{pid}"),
    "unix_connect": ("wait", "connect to unix socket {folder}/full.sock"),
    "unix_pair": ("wait", "recv on unix socket"),
    "pipe_read": ("wait", "read of pipe"),
    "pipe_write": ("wait", "write to pipe"),
    "fifo_read": ("wait", "read of {folder}/fifo"),
    "fifo_open": ("wait", r"open of {folder}/evil\x0a\x1b[31mfifo"),
    "terminal_read": ("wait", "read of terminal"),
    "eventfd_read": ("wait", "read of eventfd"),
    "long_name": ("wait", "read of …" + "x" * 67 + "-end"),
    "file_lock": ("wait", "file lock on {folder}/lock"),
    "record_lock": ("wait", "file lock on {folder}/record"),
    "sleep": ("wait", "sleep"),
    "lock": ("idle", "lock"),
    "lock_with_timeout": ("idle", "lock"),
    "empty_queue": ("idle", "lock"),
    "event": ("idle", "lock"),
    "between_processes": ("idle", "lock between processes"),
    "join": ("idle", "end of a thread"),
    "child": ("wait", "child process"),
    "child_by_id": ("wait", "child process"),
    "select_nothing": ("wait", "sleep"),
    "select_one": ("idle", "select on pipe"),
    "select_several": ("idle", "select on {place}"),
    "poll_nothing": ("idle", "sleep"),
    "poll_one": ("idle", "poll on {place}"),
    "poll_pipes": ("idle", "poll on pipes"),
    "poll_many": ("idle", "poll on 10+ descriptors"),
    "epoll_nothing": ("idle", "epoll_wait"),
    "epoll_one": ("idle", "epoll_wait on {place}"),
    "epoll_several": ("idle", "epoll_wait on 2 descriptors"),
    "a_signal": ("idle", "signal"),
    "MainThread": ("wait", "read of pipe"),
}


@contextlib.contextmanager
def started(**popen):
    # Of long paths only the end is shown, and pytest's folders have long ones.
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        Target("waits.py", folder, python=supported()[-1].path, **popen) as target,
    ):
        yield Waiting(target, folder)


@pytest.fixture(scope="module")
def waiting():
    with started() as program:
        yield program


class Waiting:
    def __init__(self, target, folder):
        self.pid = target.pid
        places = target.ready["places"]
        self.expected = {
            name: (state, reason.format(folder=folder, pid=target.pid, place=places.get(name)))
            for name, (state, reason) in EXPECTED.items()
        }
        assert target.ready["threads"].keys() | {"MainThread"} == EXPECTED.keys()

    def settled(self, dump):
        """What `dump` says once the last thread has arrived where it waits; what it says, if none does."""
        for _ in range(100):
            found = dump()
            if told(found) == self.expected:
                break
            time.sleep(0.1)
        return found


def told(found):
    return {thread["name"]: (thread["state"], thread["waiting_on"]) for thread in found["threads"]}


def test_each_thread_is_told_by_what_it_waits_for(waiting):
    assert told(waiting.settled(lambda: dump_process(waiting.pid))) == waiting.expected


def test_the_command_line_says_the_same(waiting):
    found = waiting.settled(lambda: json.loads(livetop("dump", waiting.pid, "--json")[0]))
    assert told(found) == waiting.expected
    text = "\n".join(text_lines(found))
    place = waiting.expected["recv_v6"][1]
    assert f'"recv_v6": waiting: {place}\n' in text
    assert '"lock": idle: lock\n' in text
    assert "\x1b" not in text


_CLONE_NEWNET = 0x40000000
# linux/sockios.h, linux/if.h
_SET_FLAGS, _UP = 0x8914, 1


def in_a_network_of_its_own():
    end_with_us()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
def test_a_container_has_sockets_that_are_not_in_our_tables():
    with contextlib.ExitStack() as stack:
        try:
            inside = stack.enter_context(started(preexec_fn=in_a_network_of_its_own))
        except subprocess.SubprocessError:
            pytest.skip("no network namespace can be made here")
        assert os.readlink(f"/proc/{inside.pid}/ns/net") != os.readlink("/proc/self/ns/net")
        assert told(inside.settled(lambda: dump_process(inside.pid))) == inside.expected
