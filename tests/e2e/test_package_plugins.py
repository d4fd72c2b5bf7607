"""A package that brings its own action, on a real server: signed, run on each host by itself, gone with the session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fenix_grpc.clock import SystemClock
from tests.e2e.service import Service, a_service, until
from tests.e2e.test_packages import CLOUD, the_end
from tests.e2e.v1 import V1
from tests.packages.shop import Shop, a_file, a_shop, digest, left, tar

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = Ed25519PrivateKey.generate()
FLASH = b"""
class Flash:
    def run(self, request):
        print(f"{request.host} gets {request.metadata['version']}")
        return {"ok": True, "detail": self.state}
"""
PACKAGE = tar(
    a_file("fenix-plugins.toml", b'[plugins.flash]\nrun = "flash.py:Flash"\n'),
    a_file("flash.py", FLASH),
)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with a_shop() as there:
        there.put("/good.tgz", PACKAGE)
        there.put("/good.tgz.sig", KEY.sign(PACKAGE))
        there.put("/unsigned.tgz", PACKAGE)
        yield there


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def v1(tmp_path_factory: pytest.TempPathFactory, shop: Shop, kept: Path) -> AsyncIterator[V1]:
    directory = tmp_path_factory.mktemp("plugins")
    key = directory / "key.pem"
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key.write_bytes(public)
    more = f"""
[packages]
directory = "{kept}"
allowed_urls = ["{shop.url}"]
private_networks = ["127.0.0.0/8"]
keys = ["{key}"]
plugins = true
"""
    async with a_service(directory, CLOUD, more) as running:
        yield V1(next(iter(_http(running))))
        assert not running.defects()


def _http(service: Service) -> Iterator[Any]:
    yield from service.http.values()


def a_session(url: str, plugin: str) -> dict[str, Any]:
    return {
        "maintenance_at": f"{SystemClock().now() + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        "download": [url],
        "actions": [{"plugin": plugin, "type": "host", "metadata": {"version": "Queens"}}],
    }


async def test_it_runs_on_each_host_and_goes_with_the_session(
    v1: V1, shop: Shop, kept: Path
) -> None:
    session_id = await v1.create(a_session(f"{shop.url}/good.tgz", "good/flash"))
    detail = await the_end(v1, session_id)
    assert (detail["state"], detail["reason"]) == ("MAINTENANCE_DONE", "")
    ran = [step for step in detail["steps"] if step["verb"] == "RUN_ACTION"]
    assert sorted(step["output"] for step in ran) == [
        "compute-1 gets Queens\n",
        "compute-2 gets Queens\n",
    ]
    assert all(step["details"] == "START_MAINTENANCE" for step in ran), ran

    async def look() -> set[str]:
        return left(kept)

    assert await until(look, lambda files: not files) == set()


async def test_one_without_a_signature_is_refused_before_any_host_is_touched(
    v1: V1, shop: Shop, kept: Path
) -> None:
    url = f"{shop.url}/unsigned.tgz#sha256={digest(PACKAGE)}"
    session_id = await v1.create(a_session(url, "unsigned/flash"))
    detail = await the_end(v1, session_id)
    assert detail["state"] == "MAINTENANCE_FAILED"
    assert "is not signed" in detail["reason"]
    assert not any(host["disabled"] or host["maintained"] for host in detail["hosts"])
    assert not left(kept)


async def test_a_name_that_the_package_does_not_have_is_refused(v1: V1, shop: Shop) -> None:
    session_id = await v1.create(a_session(f"{shop.url}/good.tgz", "good/other"))
    detail = await the_end(v1, session_id)
    assert detail["state"] == "MAINTENANCE_FAILED"
    assert "brings no plug-in other, but flash" in detail["reason"]


@pytest.mark.parametrize("plugin", ["good/flash/x", "bad/flash", "/flash", "good/"])
async def test_another_sessions_package_cannot_be_named(v1: V1, shop: Shop, plugin: str) -> None:
    await v1.refused(422, "POST", body=a_session(f"{shop.url}/unsigned.tgz", plugin))
