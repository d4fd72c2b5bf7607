"""A shop, and depots that may buy there."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.outbound import Reach
from fenix_grpc.packages import Depot, Rules
from fenix_grpc.packages.unpack import Limits
from tests.packages.shop import Shop, a_shop

HERE = ipaddress.ip_network("127.0.0.0/8")


@pytest.fixture
def shop() -> Iterator[Shop]:
    with a_shop() as there:
        yield there


@pytest.fixture
def open_depot(shop: Shop, tmp_path: Path) -> Callable[..., Depot]:
    def opened(name: str = "depot", **more: Any) -> Depot:
        given = {
            "reach": Reach(allowed_urls=(shop.url,), networks=(HERE,)),
            "most_bytes": 1 << 20,
            "limits": Limits(most_bytes=1 << 20, most_files=50),
            "fetch_s": 20.0,
            **more,
        }
        return Depot(tmp_path / name, Rules(**given))

    return opened
