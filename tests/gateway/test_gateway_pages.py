"""Pages of the gateway itself, and the choice of a dialect for each request."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.contract.documents import ACCEPT, DIALECTS, ROOT, document
from tests.gateway.memory import PROJECT, MemoryBackend

STANDARD = {"accept": ACCEPT["standard"]}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_document_is_that_of_the_dialect(v1: httpx.AsyncClient, dialect: str) -> None:
    response = await v1.get("/openapi.json", headers={"accept": ACCEPT[dialect]})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "accept"
    assert response.json() == document(dialect)


async def test_a_gateway_in_the_standard_view_documents_that(standard: httpx.AsyncClient) -> None:
    assert (await standard.get("/openapi.json")).json() == document("standard")


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_the_page_is_html_that_may_load_nothing_from_elsewhere(
    v1: httpx.AsyncClient, path: str
) -> None:
    response = await v1.get(path)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.text == (ROOT / "gateway/documents/docs.html").read_text()
    assert not re.findall(
        r"(?:https?:)?//[a-z0-9-]+\.[a-z]|<(?:link|img|iframe)|src=", response.text
    )


async def test_pages_are_only_read(v1: httpx.AsyncClient) -> None:
    for path in ("/docs", "/openapi.json", "/healthz"):
        assert (await v1.post(path)).status_code == 405
        head = await v1.head(path)
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "accept",
    [
        "application/json;profile=standard",
        "application/json; profile=standard",
        'Application/JSON; charset=utf-8; Profile="standard"',
        "text/plain, application/json;profile=standard;q=0.9",
    ],
)
async def test_a_request_may_ask_for_the_standard_mapping(
    v1: httpx.AsyncClient, memory: MemoryBackend, accept: str
) -> None:
    session_id = memory.add()
    response = await v1.get(f"/v1/maintenance/{session_id}", headers={"accept": accept})
    assert response.json()["session"]["sessionId"] == session_id


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json;profile=other"])
async def test_every_other_request_is_answered_as_v1_clients_expect(
    v1: httpx.AsyncClient, memory: MemoryBackend, accept: str
) -> None:
    session_id = memory.add()
    response = await v1.get(f"/v1/maintenance/{session_id}", headers={"accept": accept})
    assert response.json()["session_id"] == session_id


async def test_the_dialect_holds_for_bodies_and_errors_too(v1: httpx.AsyncClient) -> None:
    body = {"maintenanceAt": "2018-02-28T06:06:03Z"}
    assert (await v1.post("/v1/maintenance", json=body, headers=STANDARD)).is_success
    assert (await v1.post("/v1/maintenance", json=body)).status_code == 422

    for path in ("/v1/maintenance/none", f"/v1/maintenance/none/{PROJECT}", "/nowhere"):
        response = await v1.get(path, headers=STANDARD)
        assert response.status_code == 404
        assert response.json().keys() == {"code", "message", "details"}
        assert (await v1.get(path)).json()["status"] == 404
