"""Folding: how the call tree stays bounded without hiding anything that is hot.

The hottest nodes stay where they are. A cold node's time moves below the nearest node that stays, behind
a frame [other]: the heaviest keep their own line there (so a line reached over a thousand rare paths is
still seen), the rest become [other] itself. Totals of everything above remain right. Cold C frames are
only dropped: their time is their host's, whose row it counted for already.
"""

from __future__ import annotations

from collections import defaultdict

from livetop.profile.tree import Node, Tree

KEPT, KEPT_LINES, KEPT_EVERYWHERE = 0.25, 0.1, 0.05
"""Parts of the cap: nodes that stay, (anchor, line) pairs, and lines kept below the process's root."""

SPREAD = 4
"""Over so many anchors at least."""


def fold(tree: Tree, cap: int) -> dict[int, int]:
    """Folds the cold nodes of a tree; returns the new node of each that is gone."""
    order = sorted(tree.live)
    kept = _hottest(tree, order, int(cap * KEPT))
    moving = [tree.live[number] for number in order if number not in kept]
    anchors: dict[int, Node] = {}
    for node in moving:
        if node.host is not node:
            node.host.heat += node.heat
            node.heat = 0.0
        above = node.parent
        assert above is not None
        anchors[node.id] = anchors[above.id] if above.id in anchors else _real(above, tree.other)
    lines = _lines_to_keep(moving, anchors, tree.other, cap)
    tree.remove({node.id for node in moving})
    targets: dict[int, int] = {}
    for node in moving:
        if node.host is not node:
            # A host comes before what it is host of: where it went is known.
            targets[node.id] = targets.get(node.host.id, node.host.id)
            continue
        place = lines.get(_pair(node, anchors[node.id]))
        target = tree.other_below(place or anchors[node.id])
        if place is not None:
            target = tree.child(target, node.function, node.line)
        target.heat += node.heat
        if target.id != node.id:
            targets[node.id] = target.id
    return targets


Pair = tuple[int, int, int]
"""(anchor node, function, line)."""


def _pair(node: Node, anchor: Node) -> Pair:
    return anchor.id, node.function, node.line


def _real(node: Node, other: int) -> Node:
    """Returns the first node at or above this one that is not [other] itself."""
    while node.function == other and node.parent is not None:
        node = node.parent
    return node


def _hottest(tree: Tree, order: list[int], count: int) -> set[int]:
    """Returns the ids of the nodes with the hottest subtrees: closed upwards, as heat adds up."""
    heat = {number: tree.live[number].heat for number in order}
    for number in reversed(order):
        parent = tree.live[number].parent
        if parent is not None:
            heat[parent.id] += heat[number]
    roots = {number for number in order if tree.live[number].parent is None}
    ranked = sorted(order, key=lambda number: (-heat[number], number))
    return roots | set(ranked[:count])


def _lines_to_keep(moving: list[Node], anchors: dict[int, Node], other: int, cap: int) -> dict[Pair, Node]:
    """Returns, for the pairs that keep their line, the node whose [other] they hang below."""
    heat: defaultdict[Pair, float] = defaultdict(float)
    roots: dict[int, Node] = {}
    for node in moving:
        if node.function != other and node.host is node:
            heat[_pair(node, anchors[node.id])] += node.heat
    for anchor in anchors.values():
        root = anchor
        while root.parent is not None and anchor.id not in roots:
            root = root.parent
        roots.setdefault(anchor.id, root)
    anchor_of = {anchor.id: anchor for anchor in anchors.values()}
    ranked = sorted((pair for pair in heat if heat[pair] > 0), key=lambda pair: (-heat[pair], pair))
    near, rest = ranked[: int(cap * KEPT_LINES)], ranked[int(cap * KEPT_LINES) :]
    result = {pair: anchor_of[pair[0]] for pair in near}
    everywhere: defaultdict[Pair, list[float]] = defaultdict(list)
    for anchor_id, function, line in rest:
        everywhere[roots[anchor_id].id, function, line].append(heat[anchor_id, function, line])
    # Below the root its callers lose the time, so only lines that are spread thin go there.
    spread = {pair: sum(heats) for pair, heats in everywhere.items() if len(heats) >= SPREAD}
    wide = set(sorted(spread, key=lambda pair: (-spread[pair], pair))[: int(cap * KEPT_EVERYWHERE)])
    for anchor_id, function, line in rest:
        root = roots[anchor_id]
        if (root.id, function, line) in wide:
            result[anchor_id, function, line] = root
    return result
