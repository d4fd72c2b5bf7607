"""`download` over REST on a real server: fetched once, handed to the actions, removed at the end; whatever lies is
refused with the reason before any host is touched."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from fenix_grpc.clock import SystemClock
from tests.e2e.service import REST_DOORS, Service, a_service, until
from tests.e2e.v1 import ENDS, V1
from tests.packages.shop import Shop, a_file, a_link, a_shop, left, tar, zeros

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLOUD = """
[[hosts]]
name = "compute-{n}"
count = 2
kind = "COMPUTE"
vcpus = 8
memory_mb = 32768
disk_gb = 200
"""
SHOW = """
import os, pathlib, sys
print(pathlib.Path(sys.argv[1], "SW1", "version").read_text(), os.environ["FENIX_PACKAGES"] == sys.argv[1])
"""


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(1 << 16))
    except OSError:
        return


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with a_shop() as there:
        there.offers["/endless.tar.gz"] = endless
        yield there


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop, kept: Path
) -> AsyncIterator[Service]:
    more = f"""
[packages]
directory = "{kept}"
allowed_urls = ["{shop.url}"]
private_networks = ["127.0.0.0/8"]
max_mb = 16
max_unpacked_mb = 64

[actions.show]
kind = "command"
options = {{ command = ["{sys.executable}", "-c", '''{SHOW}''', "{{packages}}"] }}
"""
    async with a_service(tmp_path_factory.mktemp("packages"), CLOUD, more) as running:
        yield running
        assert not running.defects()


@pytest.fixture(params=REST_DOORS)
def v1(service: Service, request: pytest.FixtureRequest) -> V1:
    return V1(service.http[request.param])


def a_session(*download: Any) -> dict[str, Any]:
    return {
        "maintenance_at": f"{SystemClock().now() + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        "download": list(download),
        "actions": [{"plugin": "show", "type": "host"}],
    }


async def the_end(v1: V1, session_id: str) -> Any:
    async def look() -> Any:
        return await v1.ok("GET", session_id, "detail")

    return await until(look, lambda detail: detail["state"] in ENDS)


async def test_the_packages_are_there_for_the_actions_and_go_with_the_session(
    v1: V1, shop: Shop, kept: Path
) -> None:
    shop.asked.clear()
    url = shop.put("/SW1.tar.gz", tar(a_file("version", b"Queens")))
    where, _, digest = url.partition("#sha256=")
    session_id = await v1.create(a_session(url))
    detail = await the_end(v1, session_id)
    assert (detail["state"], detail["reason"]) == ("MAINTENANCE_DONE", "")
    assert detail["downloads"] == [
        {
            "session_id": session_id,
            "id": "SW1",
            "local_file": "SW1",
            "url": where,
            "sha256": digest,
            "fetched": True,
        }
    ]
    ran = [step for step in detail["steps"] if step["verb"] == "RUN_ACTION"]
    assert [step["output"] for step in ran] == ["Queens True\n"] * 2
    assert detail["steps"][0]["verb"] == "FETCH_PACKAGE"
    assert shop.asked == ["/SW1.tar.gz"], "once for all hosts"

    async def look() -> bool:
        return (kept / session_id).exists()

    await until(look, lambda there: not there)


LIES = {
    "wrong digest": (tar(a_file("x")), "0" * 64, "its SHA-256 is"),
    "path traversal": (tar(a_file("../x")), "", "a path that leads out of it"),
    "links": (tar(a_link("etc", "/etc"), a_file("etc/x")), "", "which is a link"),
    "10 GB of zeros": (zeros(10 << 30), "", "unpacks to more than"),
    "endless stream": (endless, "0" * 64, "is larger than"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_archives_that_lie_stop_the_session_before_any_host_is_touched(
    v1: V1, shop: Shop, kept: Path, lie: str
) -> None:
    content, digest, reason = LIES[lie]
    if callable(content):
        shop.offers["/SW1.tar.gz"] = content
        url = f"{shop.url}/SW1.tar.gz"
    else:
        url = shop.put("/SW1.tar.gz", content)
    said = url.partition("#")[0]
    session_id = await v1.create(a_session({"url": said, "sha256": digest} if digest else url))
    detail = await the_end(v1, session_id)
    assert detail["state"] == "MAINTENANCE_FAILED"
    assert detail["reason"].startswith(f"fetching {said} failed: ")
    assert reason in detail["reason"]
    assert [step["verb"] for step in detail["steps"]] == ["FETCH_PACKAGE"]
    assert not any(host["disabled"] or host["maintained"] for host in detail["hosts"])
    assert not left(kept)
    await v1.ok("DELETE", session_id)


@pytest.mark.parametrize(
    ("download", "reason"),
    [
        ("https://my.sw.upgrades.com/SW1.tar.gz", "packages[0].url: https://my.sw.upgrades.com"),
        ("http://127.0.0.1:1/latest/meta-data", "not among the allowed URLs"),
        ("file:///etc/passwd", "begins with https://"),
        ({"name": "SW1"}, "download[0].url: is required"),
    ],
)
async def test_what_may_not_be_fetched_is_refused_at_once(
    v1: V1, download: Any, reason: str
) -> None:
    before = await v1.ok("GET")
    assert reason in await v1.refused(422, "POST", body=a_session(download))
    assert await v1.ok("GET") == before


async def test_without_digest_or_key_a_package_is_refused(v1: V1, shop: Shop) -> None:
    error = await v1.refused(422, "POST", body=a_session(f"{shop.url}/SW1.tar.gz"))
    assert "packages[0].sha256: is required" in error
