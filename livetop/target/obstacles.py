"""What can stand in the way of reading a process, one check each, and the fix that goes with it.

The checks are those of the kernel's ptrace_may_access() and of the Yama module, in their order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .procfs import read_status
from .text import escape

CAP_SYS_PTRACE: Final = 1 << 19


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way: a short `name`, `why` as half a sentence, and the `fix`.

    `fix` is a command to type, or what to do where no command helps. `stops_only`: reading still works.
    """

    name: str
    why: str
    fix: str
    stops_only: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts a check looks at.

    `status` and `own` are the fields of /proc/PID/status of the process and of us; `yama` is ptrace_scope,
    None without Yama; `owner` owns the files in /proc/PID; `descendant`: of ours; `sandboxed`: we may
    not even read our own memory with process_vm_readv.
    """

    pid: int
    status: dict[str, str]
    own: dict[str, str]
    yama: int | None
    owner: int | None
    descendant: bool
    same_namespace: bool
    sandboxed: bool

    @property
    def capable(self) -> bool:
        """Whether we have CAP_SYS_PTRACE where it counts for this process."""
        return bool(capabilities(self.own, "CapEff") & CAP_SYS_PTRACE) and self.same_namespace

    @property
    def is_root(self) -> bool:
        """Whether sudo would change nothing: we are root already, if without its rights."""
        return _ids(self.own, "Uid")[1:2] == [0]


def privileged(pid: int, verb: str = "attach") -> str:
    """Return the words for running livetop on `pid` with more rights, with absolute paths."""
    # Needed for a refusal only, and not quick to import.
    import shlex
    import shutil
    import site

    command = shlex.join([sys.executable or "python3", "-m", "livetop", verb, str(pid)])
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if package == site.getusersitepackages():
        # Root's Python does not look into this user's own packages.
        command = f"env PYTHONPATH={shlex.quote(package)} {command}"
    if shutil.which("sudo"):
        return f"Run: sudo {command}"
    return f"Run as root: {command}"


def user_name(uid: int) -> str:
    """Return "alice (uid 1000)", or "uid 1000" for a user without a name."""
    import pwd

    try:
        return f"{escape(pwd.getpwuid(uid).pw_name, 64)} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def process_name(pid: int) -> str:
    """Return "gdb (PID 99)", escaped, for any process."""
    name = read_status(pid).get("Name", "")
    return f"{escape(name, 64)} (PID {pid})" if name else f"PID {pid}"


def _ids(status: dict[str, str], field: str) -> list[int]:
    try:
        return [int(text) for text in status.get(field, "").split()]
    except ValueError:
        return []


def capabilities(status: dict[str, str], field: str) -> int:
    """Return a set of capabilities (CapEff, CapPrm) as bits."""
    try:
        return int(status.get(field, "0"), 16)
    except ValueError:
        return 0


def _gain_rights(situation: Situation) -> str:
    """Return the fix for a lack of rights: more of them, in the way that this place has."""
    if situation.is_root and not situation.same_namespace:
        return (
            "Run livetop as root on the host, or in the process's own container:"
            " add --via 'docker exec -i CONTAINER'"
        )
    if situation.is_root:
        return (
            "Start the container with --cap-add=SYS_PTRACE (Kubernetes: securityContext.capabilities.add"
            " SYS_PTRACE), or run livetop as root on its host"
        )
    return privileged(situation.pid)


def _hidden(situation: Situation) -> Obstacle | None:
    if situation.status:
        return None
    why = "/proc is mounted so that others' processes are hidden"
    return Obstacle("hidden", why, privileged(situation.pid))


def _sandboxed(situation: Situation) -> Obstacle | None:
    if not situation.sandboxed:
        return None
    return Obstacle(
        "sandbox",
        "a seccomp filter of this container or sandbox forbids process_vm_readv",
        "Start the container with --cap-add=SYS_PTRACE (Docker then allows the call too),"
        " or run livetop as root on its host",
    )


def _other_user(situation: Situation) -> Obstacle | None:
    ours, theirs = _ids(situation.own, "Uid"), _ids(situation.status, "Uid")
    if not ours or not theirs or situation.capable or set(theirs[:3]) == {ours[0]}:
        return None
    if situation.is_root:
        return None
    other = next(uid for uid in theirs[:3] if uid != ours[0])
    why = f"it belongs to {user_name(other)} and you are {user_name(ours[0])}"
    return Obstacle("other user", why, _gain_rights(situation))


def _other_group(situation: Situation) -> Obstacle | None:
    if _other_user(situation) is not None:
        return None
    ours, theirs = _ids(situation.own, "Gid"), _ids(situation.status, "Gid")
    if not ours or not theirs or situation.capable or set(theirs[:3]) == {ours[0]}:
        return None
    if situation.is_root:
        return None
    return Obstacle(
        "other group",
        f"it runs with another group than you (gid {theirs[1]}, yours is {ours[0]})",
        _gain_rights(situation),
    )


def _no_capability(situation: Situation) -> Obstacle | None:
    """We are root by name only: in a container without the capability, or beside its user namespace."""
    if situation.capable or not situation.is_root:
        return None
    if not situation.same_namespace:
        why = "it lives in another user namespace, where your root has no rights"
    else:
        why = "you are root without CAP_SYS_PTRACE, as in a container that was not given it"
    mine = set(_ids(situation.own, "Uid")[:1])
    needs = set(_ids(situation.status, "Uid")[:3]) != mine or not situation.same_namespace
    more = capabilities(situation.status, "CapPrm") & ~capabilities(situation.own, "CapPrm")
    if needs or more or situation.owner != 0 or _yama_refuses(situation):
        return Obstacle("capability", why, _gain_rights(situation))
    return None


def _not_dumpable(situation: Situation) -> Obstacle | None:
    """A process that changed its ids or said PR_SET_DUMPABLE 0; then its files in /proc belong to root."""
    uid = _ids(situation.status, "Uid")[1:2]
    if situation.capable or not uid or uid == [0] or situation.owner in (None, uid[0]):
        return None
    return Obstacle(
        "not dumpable",
        "it made itself unreadable (PR_SET_DUMPABLE, a changed user id, or a binary that may not be read)",
        _gain_rights(situation),
    )


def _more_capabilities(situation: Situation) -> Obstacle | None:
    if _other_user(situation) is not None:
        return None
    more = capabilities(situation.status, "CapPrm") & ~capabilities(situation.own, "CapPrm")
    if not more or situation.capable or situation.is_root:
        return None
    return Obstacle("capabilities", "it has capabilities that you do not have", _gain_rights(situation))


def _yama_refuses(situation: Situation) -> bool:
    scope = situation.yama or 0
    if scope == 1:
        return not situation.capable and not situation.descendant
    return scope >= 3 or (scope == 2 and not situation.capable)


def _yama(situation: Situation) -> Obstacle | None:
    if not _yama_refuses(situation):
        return None
    if situation.yama == 1:
        why = "Yama (kernel.yama.ptrace_scope = 1) lets a process be read by its ancestors and by root only"
    elif situation.yama == 2:
        why = "Yama (kernel.yama.ptrace_scope = 2) lets processes be read by root only"
    else:
        return Obstacle(
            "yama",
            "Yama (kernel.yama.ptrace_scope = 3) forbids it to everyone until the next boot",
            "Set kernel.yama.ptrace_scope = 1 in /etc/sysctl.d and reboot",
        )
    return Obstacle("yama", why, _gain_rights(situation))


def _traced(situation: Situation) -> Obstacle | None:
    tracer = int(situation.status.get("TracerPid", "0") or 0)
    if tracer == 0:
        return None
    return Obstacle(
        "traced",
        f"it is already traced by {process_name(tracer)}",
        f"End that first, or read without stops: add --nonblocking to livetop attach {situation.pid}",
        stops_only=True,
    )


CHECKS: Final[tuple[Callable[[Situation], Obstacle | None], ...]] = (
    _hidden,
    _sandboxed,
    _other_user,
    _other_group,
    _no_capability,
    _not_dumpable,
    _more_capabilities,
    _yama,
    _traced,
)
