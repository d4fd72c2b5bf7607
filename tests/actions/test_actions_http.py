"""The http action against a real service: starts work, asks for its result, calls it off; and calls nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.actions.http import Http, create
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import InvalidRequest
from tests.actions.test_actions_command import a_request
from tests.packages.shop import Answer, Shop, a_shop


@pytest.fixture
def service() -> Iterator[Shop]:
    with a_shop() as there:
        yield there


class Says:
    """Answers one after the other, the last one for ever; keeps what it was sent."""

    def __init__(self, *answers: tuple[int, Any], location: str = "") -> None:
        self._answers, self._location = list(answers), location
        self.sent: list[tuple[str, dict[str, str], Any]] = []

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        self.sent.append((handler.command, dict(handler.headers), body))
        code, said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        content = json.dumps(said).encode()
        handler.send_response(code)
        if self._location:
            handler.send_header("Location", self._location)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def an_action(service: Shop, **options: Any) -> Http:
    given = {
        "start": {
            "url": f"{service.url}/upgrade/{{host}}",
            "body": {"hints": "{metadata}", "n": 1},
        },
        "poll": {"interval_s": 0.01},
        **options,
    }
    return create(given, SystemClock())


async def test_it_starts_the_work_and_asks_until_it_is_done(service: Shop, tmp_path: Path) -> None:
    start = Says((202, {"id": "j 1"}), location="/jobs/1")
    job = Says((200, {"state": "RUNNING"}), (503, {}), (200, {"state": "DONE"}))
    service.offers |= {"/upgrade/compute-1": start, "/jobs/1": job}
    (tmp_path / "token").write_text("geheim\n")
    action = an_action(
        service,
        headers={"Authorization": "Bearer {secrets[token]}"},
        secrets={"token": {"file": str(tmp_path / "token")}},
    )
    result = await action.run(a_request(metadata={"firmware": 2}))
    assert (result.ok, result.detail) == (True, "DONE")
    [(method, headers, body)] = start.sent
    assert (method, body) == ("POST", {"hints": {"firmware": 2}, "n": 1})
    assert headers["Authorization"] == "Bearer geheim"
    assert len(job.sent) == 3
    assert "geheim" not in result.output + result.detail


async def test_a_job_that_fails_says_why(service: Shop) -> None:
    service.offers["/upgrade/compute-1"] = Says((200, {"id": "j/1"}))
    service.offers["/jobs/j%2F1"] = Says((200, {"job": {"s": "broken", "why": "no space"}}))
    poll = {"url": f"{service.url}/jobs/{{reply[id]}}", "interval_s": 0.01, "state": "job.s"}
    action = an_action(service, poll={**poll, "failed": ["broken"], "reason": "job.why"})
    result = await action.run(a_request())
    assert (result.ok, result.detail) == (False, "broken: no space")


@pytest.mark.parametrize(
    ("answer", "detail"), [((500, {"e": 1}), "answers 500"), ((302, {}), "answers 302")]
)
async def test_what_cannot_be_started_has_failed(service: Shop, answer: Any, detail: str) -> None:
    service.offers["/upgrade/compute-1"] = Says(answer, location="http://127.0.0.1:1/")
    result = await an_action(service).run(a_request())
    assert not result.ok
    assert detail in result.detail


async def test_a_service_that_is_not_there_is_a_failure(unused_tcp_port: int) -> None:
    action = an_action(Shop(port=unused_tcp_port))
    result = await action.run(a_request())
    assert not result.ok
    assert result.detail.startswith("could not be started: ")


async def test_it_calls_off_what_takes_too_long(service: Shop) -> None:
    off = Says((200, {}))
    service.offers |= {
        "/upgrade/compute-1": Says((202, {}), location="/jobs/1"),
        "/jobs/1": Says((200, {"state": "RUNNING"})),
        "/off/compute-1": off,
    }
    action = an_action(service, cancel={"url": f"{service.url}/off/{{host}}", "method": "DELETE"})
    result = await action.run(a_request(timeout_s=0.3))
    assert (result.ok, result.detail) == (False, "had no result after 0.3 s")
    assert [method for method, *_ in off.sent] == ["DELETE"]


async def test_it_calls_off_when_it_is_cancelled(service: Shop) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    running, off = Says((200, {"state": "RUNNING"})), Says((200, {}))

    def job(handler: BaseHTTPRequestHandler) -> None:
        running(handler)
        loop.call_soon_threadsafe(asked.set)

    service.offers |= {
        "/upgrade/compute-1": Says((202, {}), location="/jobs/1"),
        "/jobs/1": job,
        "/off/compute-1": off,
    }
    action = an_action(service, cancel={"url": f"{service.url}/off/{{host}}"})
    run = asyncio.ensure_future(action.run(a_request()))
    await asyncio.wait_for(asked.wait(), 30)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(off.sent) == 1


async def test_the_answer_of_a_service_leads_nowhere_else(service: Shop) -> None:
    start: Answer = Says((202, {}), location="http://169.254.169.254/latest/meta-data")
    service.offers["/upgrade/compute-1"] = start
    result = await an_action(service).run(a_request())
    assert not result.ok
    assert "169.254.169.254" in result.detail
    assert "not among the allowed URLs" in result.detail


@pytest.mark.parametrize("evil", ["../admin", "x/../../admin", "a?b#c", "@evil.example"])
async def test_a_word_of_the_request_changes_its_part_of_the_path_only(
    service: Shop, evil: str
) -> None:
    action = an_action(service, start={"url": f"{service.url}/run/{{metadata[job]}}/go"}, poll=None)
    await action.run(a_request(metadata={"job": evil}))
    assert all(path.startswith("/run/") and path.endswith("/go") for path in service.asked)
    assert not any("/../" in path for path in service.asked)


async def test_a_place_for_which_nothing_is_known_is_a_failure(service: Shop) -> None:
    action = an_action(service, start={"url": f"{service.url}/run/{{metadata[job]}}"})
    result = await action.run(a_request())
    assert not result.ok
    assert "'job'" in result.detail
    assert not service.asked


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "start"),
        ({"start": {"url": "http://a/{nothing}"}}, "options.start.url"),
        ({"start": {"url": "http://{metadata[where]}/"}}, "options.allowed_urls"),
        (
            {"start": {"url": "http://a/"}, "secrets": {"t": {"env": "NO_SUCH"}}},
            "options.secrets.t",
        ),
        ({"start": {"url": "http://a/"}, "headers": {"A": "{secrets[t]}"}}, "options.headers"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        create(options, SystemClock())
