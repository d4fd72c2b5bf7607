"""An application of Nova servers: what is deleted, what is booted, and what is remembered in between."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fenix_client import Memory
from fenix_client.openstack import OpenStackApplication
from fenix_client.vnfm import CannotComply
from openstack.exceptions import ResourceFailure

from fenix_grpc.v1.types_pb2 import Resources


class Compute:
    """As much of Nova as an application needs: servers of 2 vCPU, 1024 MiB and 10 GiB."""

    def __init__(self, *names: str) -> None:
        self._servers: dict[str, Any] = {}
        self.no_valid_host = False
        for name in names:
            self.create_server(name=name, scheduler_hints={"group": "g1"})

    def servers(self) -> Iterator[Any]:
        return iter(self._servers.values())

    def get_server(self, server_id: str) -> Any:
        return self._servers[server_id]

    def create_server(self, **recipe: Any) -> Any:
        server = SimpleNamespace(
            id=f"id-{len(self._servers)}-{recipe['name']}",
            name=recipe["name"],
            flavor=SimpleNamespace(vcpus=2, ram=1024, disk=10, original_name="small"),
            image=SimpleNamespace(id="image"),
            server_groups=[recipe["scheduler_hints"]["group"]],
            recipe=recipe,
        )
        self._servers[server.id] = server
        return server

    def wait_for_server(self, server: Any, wait: float) -> Any:
        if self.no_valid_host:
            raise ResourceFailure("no valid host was found")
        return server

    def delete_server(self, server: Any) -> None:
        self._servers.pop(server.id, None)

    def wait_for_delete(self, server: Any) -> None:
        pass

    def server_interfaces(self, server: Any) -> Iterator[Any]:
        return iter([SimpleNamespace(net_id="net")])

    def find_flavor(self, name: str, ignore_missing: bool) -> Any:
        return SimpleNamespace(id=f"flavor-{name}")


def application(compute: Compute, memory: Memory | None = None) -> OpenStackApplication:
    connection: Any = SimpleNamespace(compute=compute)
    return OpenStackApplication(connection, memory=memory)


def names(compute: Compute) -> list[str]:
    return sorted(server.name for server in compute.servers())


async def test_it_releases_at_least_what_is_needed_and_keeps_one() -> None:
    compute = Compute("a", "b", "c")
    await application(compute).scale_in(Resources(vcpus=3))
    assert names(compute) == ["a"]
    await application(compute).scale_in(Resources(vcpus=2))
    assert names(compute) == ["a"]


async def test_another_process_boots_what_was_deleted_as_it_was() -> None:
    compute, memory = Compute("a", "b"), Memory()
    await application(compute, memory).scale_in(Resources(memory_mb=1))
    await application(compute, memory).scale_out()
    assert names(compute) == ["a", "b"]
    [new] = [server for server in compute.servers() if server.name == "b"]
    assert new.recipe == {
        "name": "b",
        "flavor_id": "flavor-small",
        "image_id": "image",
        "networks": [{"uuid": "net"}],
        "scheduler_hints": {"group": "g1"},
    }
    assert await application(compute, memory).scale_out() == []


async def test_what_was_noted_but_not_deleted_is_not_booted_again() -> None:
    compute, memory = Compute("a"), Memory()
    memory.put("deleted", {"id-0-a": {"name": "a"}})
    assert await application(compute, memory).scale_out() == []


async def test_a_server_is_replaced_by_one_like_it() -> None:
    compute = Compute("a", "b")
    new_id = await application(compute).replace("id-0-a")
    assert names(compute) == ["a", "b"]
    assert "id-0-a" not in {server.id for server in compute.servers()}
    assert compute.get_server(new_id).name == "a"


async def test_an_interrupted_replacement_goes_on_with_the_server_it_booted() -> None:
    compute, memory = Compute("a", "b"), Memory()
    memory.put("replacements", {"id-0-a": "id-1-b"})
    assert await application(compute, memory).replace("id-0-a") == "id-1-b"
    assert names(compute) == ["b"]


async def test_a_replacement_that_finds_no_host_leaves_all_as_it_was() -> None:
    compute = Compute("a")
    compute.no_valid_host = True
    with pytest.raises(CannotComply, match="no valid host"):
        await application(compute).replace("id-0-a")
    assert [server.id for server in compute.servers()] == ["id-0-a"]
