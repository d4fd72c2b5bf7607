"""What Neutron says of the hosts: its agents there, without which an instance that comes has no network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from fenix_grpc.clouds.openstack.rest import Rest, all_pages

_FIELDS = ("id", "host", "agent_type", "alive", "admin_state_up")


async def troubles(rest: Rest, *, page: int = 500) -> Mapping[str, str]:
    """Per host, which of its agents do not report; hosts without such agents are left out. An agent that an
    administrator has switched off is not missed (neutron API: agents)."""
    silent: defaultdict[str, set[str]] = defaultdict(set)
    get = partial(rest.network, "/agents")
    for agent in await all_pages(get, "agents", {"fields": _FIELDS, "limit": page}):
        if agent["admin_state_up"] and not agent["alive"]:
            silent[agent["host"]].add(agent["agent_type"])
    return {host: _told(sorted(kinds)) for host, kinds in silent.items()}


def _told(kinds: list[str]) -> str:
    return f"of Neutron, {', '.join(kinds)} {'does' if len(kinds) == 1 else 'do'} not report"
