"""Keeps a Jupyter kernel busy, as somebody who runs a cell again and again; its PID goes to PROGRESS.pid."""

import os

from jupyter_client.manager import start_new_kernel
from work import progress

CELL = """
def hot_handler(rounds):
    total = 0
    for number in range(rounds):
        total += number * number
    return total

hot_handler(300_000)
"""

manager, client = start_new_kernel(kernel_name="python3")
try:
    client.execute_interactive(
        "import os; open(%r, 'w').write(str(os.getpid()))" % (os.environ["PROGRESS"] + ".pid")
    )
    done = 0
    while True:
        reply = client.execute_interactive(CELL, timeout=30, output_hook=lambda message: None)
        assert reply["content"]["status"] == "ok"
        done += 1
        progress(done)
finally:
    manager.shutdown_kernel(now=True)
