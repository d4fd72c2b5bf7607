"""How answers, and the lack of one, become errors of the domain; and how the session with Keystone is kept alive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.openstack import connect
from fenix_grpc.clouds.openstack.nova import Nova
from fenix_grpc.clouds.openstack.rest import Rest, choose_microversion
from fenix_grpc.core.errors import CloudError, CloudRefused, CloudUnavailable, InvalidRequest
from tests.openstack.cloud import ADMIN, Lab

JSON, HTML = "application/json", "text/html"
GONE = '{"itemNotFound": {"code": 404, "message": "Instance x could not be found."}}'
VERSIONS = """{"version": {"id": "v2.1", "status": "CURRENT", "version": "2.103", "min_version": "2.1",
 "links": [{"rel": "self", "href": "http://%s/v2.1/"}]}}"""


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((2, 64), (2, 64)),
        ((2, 65), (2, 65)),
        ((2, 84), (2, 84)),
        ((2, 100), (2, 84)),
        ((2, float("inf")), (2, 84)),
    ],
)
def test_asks_nova_for_a_microversion_that_both_know(
    offered: tuple[float, ...], chosen: tuple[int, ...]
) -> None:
    assert choose_microversion(offered) == chosen


@pytest.mark.parametrize("offered", [(2, 1), (2, 7), (2, 9), (2, 63)])
def test_refuses_a_nova_that_is_too_old(offered: tuple[int, ...]) -> None:
    with pytest.raises(CloudRefused, match=r"needs at least 2\.64"):
        choose_microversion(offered)


class Answers(BaseHTTPRequestHandler):
    """A Nova that gives one answer to every request for a server."""

    answer: tuple[int, str, str]

    def do_GET(self) -> None:
        if "/servers/" in self.path:
            status, kind, text = self.answer
        else:
            status, kind, text = 200, JSON, VERSIONS % self.headers["Host"]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def nova_that_answers(status: int, kind: str, text: str, *, port: int = 0) -> Iterator[int]:
    """Serves on the port that it yields."""
    handler = type("Handler", (Answers,), {"answer": (status, kind, text)})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@asynccontextmanager
async def nova_at(port: int) -> AsyncIterator[Nova]:
    """The driver's requests, sent there without Keystone."""
    override = {"compute_endpoint_override": f"http://127.0.0.1:{port}/v2.1"}
    config = OpenStackConfig(load_yaml_config=False, load_envvars=False)
    rest = Rest(Connection(config=config.get_one(auth_type="none", **override)), concurrency=1)
    yield Nova(rest)
    await rest.aclose()


@pytest.mark.parametrize(
    ("status", "kind", "text", "error"),
    [
        (400, JSON, '{"badRequest": {"code": 400, "message": "no"}}', CloudRefused),
        (403, JSON, '{"forbidden": {"code": 403, "message": "no"}}', CloudRefused),
        (404, HTML, "<html>404 no such route</html>", CloudRefused),
        (409, JSON, '{"conflictingRequest": {"code": 409, "message": "no"}}', CloudRefused),
        (401, JSON, '{"error": {"code": 401, "message": "no"}}', CloudUnavailable),
        (429, JSON, '{"overLimit": {"code": 429, "message": "no"}}', CloudUnavailable),
        (500, JSON, '{"computeFault": {"code": 500, "message": "no"}}', CloudUnavailable),
        (503, HTML, "<html>no server is available</html>", CloudUnavailable),
        (200, HTML, "<html>no JSON but a login page</html>", CloudUnavailable),
    ],
)
async def test_tells_a_definite_no_from_a_passing_one(
    status: int, kind: str, text: str, error: type[CloudError]
) -> None:
    with nova_that_answers(status, kind, text) as port:
        async with nova_at(port) as nova:
            with pytest.raises(CloudError, match="GET compute /servers/x: ") as raised:
                await nova.server("x")

    assert raised.type is error
    if status != 200:
        assert "no" in str(raised.value)


async def test_believes_only_nova_itself_that_a_server_is_gone() -> None:
    with nova_that_answers(404, JSON, GONE) as port:
        async with nova_at(port) as nova:
            assert await nova.server("x") is None


@pytest.mark.parametrize(
    ("status", "error"), [("UNKNOWN", CloudUnavailable), ("ACTIVE", CloudRefused)]
)
async def test_a_server_whose_host_is_not_told_is_no_server_without_host(
    status: str, error: type[CloudError]
) -> None:
    server = f'{{"server": {{"id": "x", "status": "{status}"}}}}'
    with nova_that_answers(200, JSON, server) as port:
        async with nova_at(port) as nova:
            with pytest.raises(error, match="host"):
                await nova.server("x")


async def test_is_unavailable_until_nova_answers() -> None:
    with nova_that_answers(404, JSON, GONE) as port:
        pass
    async with nova_at(port) as nova:
        with pytest.raises(CloudUnavailable):
            await nova.server("x")
        with nova_that_answers(404, JSON, GONE, port=port):
            assert await nova.server("x") is None


async def test_renews_a_token_that_was_revoked(lab: Lab) -> None:
    connection = lab.connect_as_admin()
    rest = Rest(connection, concurrency=1)
    token = connection.session.get_token()
    lab.admin.identity.delete("/auth/tokens", headers={"X-Subject-Token": token})

    assert await Nova(rest).servers() == []

    assert connection.session.get_token() != token
    await rest.aclose()


async def test_wrong_credentials_are_told(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.write_clouds_yaml(tmp_path / "clouds.yaml")
    path.write_text(path.read_text().replace("password: devcloud", "password: forgotten"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    cloud = connect(ADMIN, clock=SystemClock())

    with pytest.raises(CloudUnavailable, match=r"401.*check the credentials"):
        await cloud.inventory()
    await cloud.aclose()


async def test_a_member_of_a_project_may_not_look(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.project("tenant")
    monkeypatch.setenv(
        "OS_CLIENT_CONFIG_FILE", str(lab.write_clouds_yaml(tmp_path / "clouds.yaml"))
    )
    cloud = connect("tenant", clock=SystemClock())

    with pytest.raises(CloudRefused, match="403"):
        await cloud.inventory()
    await cloud.aclose()


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_cloud_that_is_not_configured_is_an_error_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {}")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    monkeypatch.delenv("OS_CLOUD", raising=False)

    with pytest.raises(InvalidRequest, match=r"clouds\.yaml"):
        connect(name, clock=SystemClock())
