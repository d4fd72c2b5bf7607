"""Mappings that are changed by making another one, in next to no time however large they are.

The fold makes one with every event; copying 20,000 entries each time is what it would spend its life on. A new one
shares nearly all with the old: a large dictionary that is never written to again, and a few changes beside it, which
are worked in when they have become as many as the square root of the whole. The order is that of the first insertion,
as in a dictionary, so that whatever is decided in that order is decided alike everywhere.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
#: Changes that are never worth working in.
_FEW = 16
_ABSENT: Any = object()


def put(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """The mapping with one key set."""
    return put_all(mapping, {key: value})


def put_all(mapping: Mapping[K, V], changes: Mapping[K, V]) -> Mapping[K, V]:
    """The mapping with several keys set."""
    if not changes:
        return mapping
    shared = mapping if isinstance(mapping, _Shared) else _Shared(dict(mapping), {})
    return shared.changed(changes)


def without(mapping: Mapping[K, V], keys: Iterable[K]) -> Mapping[K, V]:
    """The mapping without some keys, whether they were there or not. Copies it when one was: removals are rare."""
    gone = {key for key in keys if key in mapping}
    return {k: v for k, v in mapping.items() if k not in gone} if gone else mapping


class _Shared(Mapping[K, V]):
    """See the module."""

    __slots__ = ("_changes", "_whole")

    def __init__(self, whole: dict[K, V], changes: dict[K, V]) -> None:
        self._whole, self._changes = whole, changes

    def changed(self, changes: Mapping[K, V]) -> _Shared[K, V]:
        """Another one, with these changes."""
        together = {**self._changes, **changes}
        if len(together) ** 2 > max(_FEW**2, len(self._whole)):
            return _Shared({**self._whole, **together}, {})
        return _Shared(self._whole, together)

    def _all(self) -> dict[K, V]:
        """As one dictionary. Kept, as who looks at everything once mostly does so again."""
        if self._changes:
            # In this order: a thread that sees only the first of the two sees nothing wrong.
            self._whole = {**self._whole, **self._changes}
            self._changes = {}
        return self._whole

    def __getitem__(self, key: K) -> V:
        found = self._changes.get(key, _ABSENT)
        return self._whole[key] if found is _ABSENT else found

    def get(self, key: K, default: Any = None) -> Any:
        found = self._changes.get(key, _ABSENT)
        return self._whole.get(key, default) if found is _ABSENT else found

    def __contains__(self, key: object) -> bool:
        return key in self._changes or key in self._whole

    def __iter__(self) -> Iterator[K]:
        return iter(self._all())

    def __len__(self) -> int:
        new = sum(key not in self._whole for key in self._changes)
        return len(self._whole) + new

    def keys(self) -> KeysView[K]:
        return self._all().keys()

    def values(self) -> ValuesView[V]:
        return self._all().values()

    def items(self) -> ItemsView[K, V]:
        return self._all().items()

    def __repr__(self) -> str:
        return repr(self._all())
