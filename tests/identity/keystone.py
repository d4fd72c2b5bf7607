"""A small HTTP server that answers as the documents of Keystone's v3 API say: versions, tokens by password, and whose a
token is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SERVICE_TOKEN = "token-of-fenix-itself"


class FakeKeystone(ThreadingHTTPServer):
    """Knows the tokens in `tokens`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        #: By token: what is said of it.
        self.tokens: dict[str, dict[str, Any]] = {}
        #: Questions whose a token is, in order.
        self.asked: list[str] = []
        #: With which status all questions are answered; 0 for an honest answer.
        self.fails = 0
        #: Questions wait for it.
        self.answers = threading.Event()
        self.answers.set()

    def grant(self, token: str, *roles: str, project: str = "p1", **more: Any) -> None:
        """A token of alice's."""
        domain = {"id": "default", "name": "Default"}
        self.tokens[token] = {
            "user": {"id": "u1", "name": "alice", "domain": domain},
            "roles": [{"id": name, "name": name} for name in roles],
            "expires_at": "2100-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "methods": ["password"],
            **({"project": {"id": project, "name": project, "domain": domain}} if project else {}),
            **more,
        }

    def clouds_yaml(self, path: Path) -> Path:
        """Names it `fenix`."""
        auth = {"auth_url": f"{self.url}/v3", "username": "fenix", "password": "p"}
        auth |= {"project_name": "service", "user_domain_id": "default"}
        auth |= {"project_domain_id": "default"}
        path.write_text(json.dumps({"clouds": {"fenix": {"auth": auth, "region_name": "R"}}}))
        return path


class Handler(BaseHTTPRequestHandler):
    """A connection."""

    server: FakeKeystone

    def do_GET(self) -> None:
        if not self.path.startswith("/v3/auth/tokens"):
            link = {"rel": "self", "href": f"{self.server.url}/v3/"}
            version = {"id": "v3.14", "status": "stable", "links": [link]}
            one = self.path.startswith("/v3")
            self._answer(200, {"version": version} if one else {"versions": {"values": [version]}})
            return
        token = self.headers["X-Subject-Token"]
        self.server.asked.append(token)
        self.server.answers.wait(20)
        if self.server.fails:  # as a proxy in front of Keystone would
            self._answer(self.server.fails, "no")
        elif self.headers["X-Auth-Token"] != SERVICE_TOKEN:
            self._answer(401, {"error": {"code": 401, "message": "who?"}})
        elif token not in self.server.tokens:
            text = "Could not find token"
            self._answer(404, {"error": {"code": 404, "message": text, "title": "Not Found"}})
        else:
            self._answer(200, {"token": self.server.tokens[token]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        endpoint = {"id": "e", "interface": "public", "region": "R", "region_id": "R"}
        endpoint["url"] = f"{self.server.url}/v3"
        catalog = [{"id": "s", "type": "identity", "name": "keystone", "endpoints": [endpoint]}]
        self.server.grant("own", "service", project="service")
        own = self.server.tokens.pop("own")
        self._answer(201, {"token": {**own, "catalog": catalog}}, SERVICE_TOKEN)

    def _answer(self, status: int, body: Any, subject: str = "") -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if subject:
            self.send_header("X-Subject-Token", subject)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def a_keystone() -> Iterator[FakeKeystone]:
    """One that runs until the end of the block."""
    server = FakeKeystone()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()
