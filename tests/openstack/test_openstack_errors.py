"""How answers, and the lack of one, become errors of the domain; and how the session with Keystone is kept alive."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
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


@pytest.mark.parametrize("offered", [None, (2, 1), (2, 7), (2, 9), (2, 63)])
def test_refuses_a_nova_that_is_too_old(offered: tuple[int, ...] | None) -> None:
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


@pytest.fixture
def nova_that_answers() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def nova_at(port: int) -> tuple[Nova, Rest]:
    rest = Rest(
        Connection(
            auth_type="none",
            compute_endpoint_override=f"http://127.0.0.1:{port}/v2.1",
            load_yaml_config=False,
            load_envvars=False,
        ),
        concurrency=1,
    )
    return Nova(rest), rest
