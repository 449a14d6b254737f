"""Processes that have ended become one, [ended processes], when there are too many to be told apart.

Their lines stay what they were; only whose they were is no longer known.
"""

from __future__ import annotations

from livetop.profile.info import ProcessInfo
from livetop.profile.names import PROCESSES, Names
from livetop.profile.tree import Node, Tree

NAME = "[ended processes]"


def fold_ended(names: Names, tree: Tree) -> tuple[dict[int, int], dict[int, int]]:
    """Folds the processes that ended first, down to half the cap.

    Returns what the nodes and the threads that are gone have become.
    """
    excess = len(names.processes) - PROCESSES // 2
    if len(names.processes) <= PROCESSES:
        return {}, {}
    ended = [info for info in names.processes.values() if info.state == "gone" and info.pid and info.parent]
    folded = ended[:excess]
    if not folded:
        return {}, {}
    rest = names.processes[names.define_process(0, [NAME], "", "", "", 0.0)]
    rest.state, rest.was_read = "gone", True
    ids = {info.id for info in folded}
    nodes = _move_nodes(tree, ids, rest)
    threads = names.move_threads(ids, rest.id)
    for number in ids:
        del names.processes[number]
    return nodes, threads


def _move_nodes(tree: Tree, processes: set[int], to: ProcessInfo) -> dict[int, int]:
    moving = [tree.live[number] for number in sorted(tree.live) if tree.live[number].process in processes]
    if not moving:
        return {}
    root = tree.root(to.id)
    became: dict[int, Node] = {}
    for node in moving:
        # Parents come before their children.
        above = became[node.parent.id] if node.parent is not None else None
        target = became[node.id] = tree.child(above, node.function, node.line) if above else root
        target.heat += node.heat
    tree.forget({node.id for node in moving})
    return {number: node.id for number, node in became.items()}
