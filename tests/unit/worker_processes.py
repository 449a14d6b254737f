"""Processes that run the same two lines, in a model."""

from __future__ import annotations

from livetop.profile.model import Profile
from livetop.profile.states import State


class Workers:
    """Processes that run the same two lines, `serve` calling `work`."""

    def __init__(self, pids: list[int]) -> None:
        self.profile = Profile()
        self.now = 0.0
        self.processes: dict[int, int] = {}
        self._threads: dict[int, int] = {}
        self._nodes: dict[int, tuple[int, int]] = {}
        for pid in pids:
            self.add(pid, parent=pids[0] if pid != pids[0] else 0)

    def add(self, pid: int, parent: int) -> None:
        profile = self.profile
        process = profile.define_process(pid, ["python", "serve.py"], "3.12.1", "release", "host", 1.0)
        profile.update_process(process, parent=parent, state="watched", reason="")
        file = profile.define_file("/srv/serve.py", "serve.py")
        root = profile.define_node(0, 0, process)
        serve = profile.define_node(root, profile.define_function("serve", file, 1), 2)
        work = profile.define_node(serve, profile.define_function("work", file, 8), 9)
        self.processes[pid] = process
        self._threads[pid] = profile.define_thread(process, pid, "MainThread")
        self._nodes[pid] = serve, work

    def spend(self, **seconds: tuple[float, float]) -> None:
        """p4=(0.1, 0.2): process 4 spends so much in `serve` itself and in `work`."""
        cells, uses = [], []
        for name, spent in seconds.items():
            pid = int(name[1:])
            for node, own in zip(self._nodes[pid], spent, strict=True):
                cells.append((node, self._threads[pid], int(State.OWN), 0, 10, own, own * own / 10))
            uses.append((self._threads[pid], "running", sum(spent), 0.0, 0.0, 0.0, 0.0, 20, False))
        self.profile.add(self.now, self.now + 1.0, cells, uses, {"ticks": 100, "processes": len(seconds)})
        self.now += 1.0

    def end(self, pid: int) -> None:
        self.profile.update_process(self.processes[pid], parent=1, state="gone", reason="")
