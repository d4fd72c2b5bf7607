"""What the applications on a cloud demand, read again only when something has changed.

A look comes every few seconds and constraints change rarely: asking for their version costs one row.
"""

from __future__ import annotations

from fenix_grpc.core.constraints import ConstraintSet
from fenix_grpc.core.model import Inventory
from fenix_grpc.ports import Constraints


class Demands:
    """The constraints that may concern one cloud."""

    def __init__(self, constraints: Constraints) -> None:
        self._constraints = constraints
        self._version = -1
        self._projects: frozenset[str] = frozenset()
        self._known = ConstraintSet()

    async def of(self, seen: Inventory) -> ConstraintSet:
        """Those of all projects that have instances there. Raises StoreUnavailable."""
        projects = frozenset(instance.project_id for instance in seen.instances)
        # Asked for first: what changes between the two questions is read once more next time.
        version = await self._constraints.version()
        if (version, projects) != (self._version, self._projects):
            self._known = await self._constraints.all_for(projects)
            self._version, self._projects = version, projects
        return self._known
