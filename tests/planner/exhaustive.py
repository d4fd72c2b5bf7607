"""Every sequence of single moves on a tiny cloud, by plain depth-first search: which hosts can be worked on at all."""

from __future__ import annotations

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner import Problem

#: Situations after which a case counts as too large to be judged.
LIMIT = 6_000


def all_can_be_done(problem: Problem, wanted: frozenset[str], free: frozenset[str]) -> bool | None:
    """True when some order of moves of the instances on `free` hosts empties all of `wanted`; None when undecided."""
    hosts = {h.name: h for h in problem.hosts}
    movable = [i for i in problem.instances if i.host in free and (i.movable or i.own_action)]
    fixed = [i for i in problem.instances if i not in movable]
    start = (tuple(i.host for i in movable), frozenset[str]())
    stack, seen = [start], {start}
    while stack:
        at, done = stack.pop()
        empty = {h for h in wanted - done if h not in at and all(f.host != h for f in fixed)}
        if empty:
            done = done | empty
            if done == wanted:
                return True
        accepting = {
            n
            for n, h in hosts.items()
            if n not in problem.held and not h.retired and (h.usable or n in done)
        }
        for n in range(len(movable)):
            for target in accepting - {at[n]}:
                if not _allowed(problem, at, movable, fixed, n, target, accepting):
                    continue
                after = ((*at[:n], target, *at[n + 1 :]), done)
                if after not in seen:
                    if len(seen) > LIMIT:
                        return None
                    seen.add(after)
                    stack.append(after)
    return done == wanted if not wanted else False


def _allowed(problem, at, movable, fixed, n, target, accepting) -> bool:
    instance = movable[n]
    there = [m for m, h in zip(movable, at, strict=True) if h == target]
    there += [f for f in fixed if f.host == target]
    if target in problem.refused.get(instance.instance_id, ()):
        return False
    for group_id in instance.groups:
        limit = problem.groups[group_id].max_per_host
        if limit and sum(group_id in m.groups for m in there) >= limit:
            return False
    load = {h: Resources() for h in accepting}
    for m, h in [*zip(movable, at, strict=True), *((f, f.host) for f in fixed)]:
        if h in load:
            load[h] += m.size
    load[target] += instance.size
    if not load[target].fits(_limit(problem, target)):
        return False
    return not instance.mitigation or any(
        (load[h] + instance.size).fits(_limit(problem, h)) for h in accepting if h != at[n]
    )


def _limit(problem: Problem, name: str) -> Resources:
    whole = next(h.capacity for h in problem.hosts if h.name == name)
    share = problem.options.fill_limit
    return Resources(
        vcpus=int(whole.vcpus * share),
        memory_mb=int(whole.memory_mb * share),
        disk_gb=int(whole.disk_gb * share),
    )
