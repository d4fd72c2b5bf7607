"""Finds plug-ins: packages offer them as entry points, the operator's configuration allows them, requests name them.

Nothing is ever imported because a request says so: everything allowed is loaded once, at start, and what cannot be
loaded stops the start with the reason. The groups of entry points are `fenix.actions`, `fenix.clouds` and
`fenix.workflows`; fenix finds its own plug-ins in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from fenix_grpc.core.decision import Workflow
from fenix_grpc.core.errors import FenixError, InvalidRequest
from fenix_grpc.ports import Action, Clock, Cloud

T = TypeVar("T")

_ACTION = ("run", "idempotent")
_CLOUD = (
    "inventory",
    "disable_host",
    "enable_host",
    "move_instance",
    "evacuate_instance",
    "remove_host",
    "aclose",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A plug-in as the operator configured it."""

    #: What sessions call it; several may be of one kind.
    name: str
    #: Name of its entry point.
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Actions: seconds one run may take, 0 for the policy's; times it is tried on a host.
    timeout_s: float = 0.0
    attempts: int = 1


class Allowed(Generic[T]):
    """The plug-ins of one sort that requests may name."""

    def __init__(
        self,
        field: str,
        plugins: Mapping[str, T],
        configured: Mapping[str, Configured] | None = None,
    ) -> None:
        """`field` is the one of a request that names them."""
        self._field = field
        self._plugins = plugins
        self._configured = configured or {}

    @property
    def names(self) -> tuple[str, ...]:
        """What may be named."""
        return tuple(self._plugins)

    def named(self, name: str) -> T:
        """The plug-in of that name. Raises InvalidRequest, which says what is allowed."""
        if name not in self._plugins:
            allowed = ", ".join(self._plugins) or "none"
            raise InvalidRequest(self._field, f"{name} is not allowed here; allowed: {allowed}")
        return self._plugins[name]

    def configured(self, name: str) -> Configured:
        """How it was configured."""
        return self._configured.get(name) or Configured(name=name, kind=name)


def load_cloud(configured: Configured, clock: Clock) -> Cloud:
    """The cloud to work on. Raises InvalidRequest when it cannot be had."""
    cloud: Cloud = _create("fenix.clouds", "cloud", configured, clock, _CLOUD)
    return cloud


def load_actions(configured: Iterable[Configured], clock: Clock) -> Allowed[Action]:
    """The actions that sessions may run. Raises InvalidRequest when one cannot be had."""
    actions: dict[str, Action] = {}
    known = tuple(configured)
    for action in known:
        place = f"actions.{action.name}"
        if action.name in actions:
            raise InvalidRequest(place, "is configured twice")
        actions[action.name] = _create("fenix.actions", place, action, clock, _ACTION)
    return Allowed("actions", actions, {action.name: action for action in known})


def load_workflows(names: Iterable[str]) -> Allowed[Workflow]:
    """The workflows that sessions may follow, by name and alias. Raises InvalidRequest when one cannot be had."""
    workflows: dict[str, Workflow] = {}
    for name in names:
        place = f"workflows.{name}"
        workflow = _load(_find("fenix.workflows", place, name), place)
        if not isinstance(workflow, Workflow):
            raise InvalidRequest(place, f"{workflow!r} is not a Workflow (see core/decision.py)")
        for known_as in (name, *workflow.aliases):
            if workflows.setdefault(known_as, workflow) is not workflow:
                raise InvalidRequest(place, f"{known_as} is a name of another workflow as well")
    return Allowed("workflow", workflows)


def _create(
    group: str, place: str, configured: Configured, clock: Clock, needs: tuple[str, ...]
) -> Any:
    create = _load(_find(group, place, configured.kind), place)
    try:
        plugin = create(configured.options, clock)
    except InvalidRequest as err:
        raise InvalidRequest(f"{place}.{err.field}", err.problem) from err
    except FenixError:
        raise
    except Exception as err:  # foreign code may raise anything
        raise InvalidRequest(place, f"{configured.kind} does not start: {err!r}") from err
    return _complete(plugin, place, needs)


def _find(group: str, place: str, name: str) -> EntryPoint:
    offered = entry_points(group=group)
    found = {entry_point.value: entry_point for entry_point in offered.select(name=name)}
    if not found:
        names = ", ".join(sorted(offered.names)) or "none"
        raise InvalidRequest(
            place, f"no installed package offers {name} ({group}); offered: {names}"
        )
    if len(found) > 1:
        raise InvalidRequest(place, f"{name} ({group}) is ambiguous: {', '.join(sorted(found))}")
    return next(iter(found.values()))


def _load(entry_point: EntryPoint, place: str) -> Any:
    try:
        return entry_point.load()
    except Exception as err:  # foreign code may raise anything
        raise InvalidRequest(
            place, f"{entry_point.name} ({entry_point.value}) cannot be loaded: {err!r}"
        ) from err


def _complete(plugin: Any, place: str, needs: tuple[str, ...]) -> Any:
    missing = [name for name in needs if not hasattr(plugin, name)]
    if missing:
        raise InvalidRequest(place, f"{plugin!r} lacks {', '.join(missing)} (see ports.py)")
    return plugin
