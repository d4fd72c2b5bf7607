"""Records the journals that later versions must still fold: `python -m tests.journals.record NAME` adds one.

A file is written once and never again: what it holds is what some version of fenix once wrote.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from fenix_grpc.core.evolve import fold
from fenix_grpc.core.session import Session
from fenix_grpc.store import codec
from tests.stories.difficult_scenarios import DIFFICULT
from tests.stories.scenarios import SCENARIOS
from tests.stories.vnf_scenarios import VNF_SCENARIOS
from tests.stories.world import SESSION, a_world

HERE = Path(__file__).parent


def summary(session: Session) -> dict[str, object]:
    """What a journal comes to, in few words."""
    return {
        "state": session.state,
        "seq": session.seq,
        "reason": session.reason,
        "maintained": sorted(h.name for h in session.hosts.values() if h.maintained),
        "places": {i: view.host for i, view in sorted(session.instances.items())},
        "steps": len(session.steps),
        "notices": session.notices,
        "owed": list(session.owed_hosts),
        "verified": session.verified is not None and session.verified.ok,
    }


async def _record(name: str) -> None:
    scenario = {**SCENARIOS, **DIFFICULT}.get(name) or VNF_SCENARIOS[name.removeprefix("vnf: ")]
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        await world.run()
        entries = await world.journal.read(SESSION)
    path = HERE / f"{name.replace(': ', '-').replace(' ', '-')}.jsonl"
    if path.exists():
        sys.exit(f"{path.name} is there already; a recorded journal is never written again")
    lines = []
    for entry in entries:
        kind, data = codec.encode(entry.event)
        lines.append(json.dumps([entry.at.isoformat(), kind, json.loads(data)], ensure_ascii=False))
    session = fold(entries)
    assert session is not None
    path.write_text("\n".join([json.dumps(summary(session)), *lines]) + "\n")


if __name__ == "__main__":
    asyncio.run(_record(sys.argv[1]))
