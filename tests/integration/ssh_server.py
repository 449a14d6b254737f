"""A throw-away OpenSSH server on the loopback, with keys and configuration of its own."""

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
AVAILABLE = bool(SSHD and shutil.which("ssh") and shutil.which("ssh-keygen"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def ssh_server(folder: Path):
    """Yields the words of the ssh command that reaches it, the host's name last."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = free_port()
    (folder / "sshd.conf").write_text(
        f"""
        Port {port}
        ListenAddress 127.0.0.1
        HostKey {folder}/host
        AuthorizedKeysFile {folder}/authorized
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        PermitRootLogin prohibit-password
        """
    )
    if os.geteuid() == 0:
        # Where a server that may become other users wants an empty directory.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = (folder / "sshd.log").open("wb")
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd.conf"], stderr=log)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                said = (folder / "sshd.log").read_text()
                assert server.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
        options = {
            "UserKnownHostsFile": folder / "known",
            "StrictHostKeyChecking": "no",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ControlPath": "none",
        }
        words = ["ssh", "-F", "none", "-i", str(folder / "user"), "-p", str(port), "-l", getpass.getuser()]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        yield shlex.join([*words, "127.0.0.1"])
    finally:
        server.terminate()
        server.wait(10)
        log.close()
