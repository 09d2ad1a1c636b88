"""Circles in a graph of dependencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence


def edges_closing_circles(edges: Sequence[tuple[str, str]]) -> list[int]:
    """Positions of the edges that, taken in order, would close a circle with those kept before them.

    What is left has no circle. Edges that are in no circle at all are settled in linear time (Kahn 1962).
    """
    inside = _in_circles(edges)
    kept: defaultdict[str, list[str]] = defaultdict(list)
    closing = []
    for position, (start, end) in enumerate(edges):
        if start not in inside or end not in inside:
            continue
        if _reaches(kept, end, start):
            closing.append(position)
        else:
            kept[start].append(end)
    return closing


def _in_circles(edges: Sequence[tuple[str, str]]) -> set[str]:
    """Nodes that remain when those without predecessors, then those without successors, are taken away."""
    nodes = {node for edge in edges for node in edge}
    for forward in (True, False):
        followers: defaultdict[str, list[str]] = defaultdict(list)
        waiting = dict.fromkeys(nodes, 0)
        for edge in edges:
            start, end = edge if forward else (edge[1], edge[0])
            if start in nodes and end in nodes:
                followers[start].append(end)
                waiting[end] += 1
        free = [node for node, count in waiting.items() if count == 0]
        while free:
            node = free.pop()
            nodes.discard(node)
            for follower in followers[node]:
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    free.append(follower)
    return nodes


def _reaches(followers: dict[str, list[str]], start: str, goal: str) -> bool:
    seen, open_ = {start}, [start]
    while open_:
        node = open_.pop()
        if node == goal:
            return True
        for follower in followers.get(node, ()):
            if follower not in seen:
                seen.add(follower)
                open_.append(follower)
    return False
