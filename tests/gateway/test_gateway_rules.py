"""Paths: which one leads where, and which verbs it allows."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool

from gateway import create_app, rules
from tests.gateway.conftest import a_client
from tests.gateway.memory import PROJECTS, SESSIONS, MemoryBackend, Recorder


@pytest.mark.parametrize("slash", ["", "/"], ids=["D2-no-slash", "D2-slash"])
@pytest.mark.parametrize("prefix", ["/v1", ""], ids=["v1", "D3-no-prefix"])
@pytest.mark.parametrize(
    ("path", "values", "methods"),
    [
        (
            "/maintenance",
            (),
            {"GET": SESSIONS + "ListSessions", "POST": SESSIONS + "CreateSession"},
        ),
        (
            "/maintenance/S",
            ("S",),
            {
                "GET": SESSIONS + "GetSession",
                "PUT": SESSIONS + "UpdateSession",
                "POST": SESSIONS + "UpdateSession",
                "DELETE": SESSIONS + "DeleteSession",
            },
        ),
        ("/maintenance/detail", ("detail",), {"GET": SESSIONS + "GetSession"}),
        ("/maintenance/S/detail", ("S",), {"GET": SESSIONS + "GetSessionDetail"}),
        (
            "/maintenance/S/P",
            ("S", "P"),
            {
                "GET": PROJECTS + "GetProjectSession",
                "PUT": PROJECTS + "ReplyProjectSession",
            },
        ),
        ("/maintenance/S/P/I", ("S", "P", "I"), {"PUT": PROJECTS + "ReplyProjectSession"}),
        (
            "/maintenance/S/detail/I",
            ("S", "detail", "I"),
            {"PUT": PROJECTS + "ReplyProjectSession"},
        ),
        ("/maintenance/S:watch", ("S",), {"GET": SESSIONS + "WatchSession"}),
        ("/maintenance:watch", (), {"GET": SESSIONS + "WatchSession"}),
        ("/maintenance/S:plan", ("S",), {"GET": SESSIONS + "PlanSession"}),
        ("/maintenance:plan", (), {"POST": SESSIONS + "PlanSession"}),
        ("/maintenance/a:b", ("a:b",), {"GET": SESSIONS + "GetSession"}),
        ("/maintenance/a%3Awatch", ("a:watch",), {"GET": SESSIONS + "GetSession"}),
        ("/maintenance/a%2Fb/P", ("a/b", "P"), {"GET": PROJECTS + "GetProjectSession"}),
        ("/maintenance/a%20%25%C3%A4", ("a %ä",), {"GET": SESSIONS + "GetSession"}),
        ("/maintenance/a+b", ("a+b",), {"GET": SESSIONS + "GetSession"}),
    ],
)
def test_path_leads_to_its_methods(
    prefix: str, slash: str, path: str, values: tuple[str, ...], methods: dict[str, str]
) -> None:
    found = rules.routes().find(prefix + path + slash)
    assert found is not None
    assert found.values == values
    assert methods.items() <= {v: b.method.name for v, b in found.bindings.items()}.items()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "maintenance",
        "/v1/",
        "/v2/maintenance",
        "/v1/maintenance//",
        "/v1//maintenance",
        "/v1/maintenance/S//I",
        "/v1/maintenance/S/P/I/X",
        "/v1/projects/P",
        "/v1/projects/:watch",
        "/v1/projects/P:follow",
        "/projects/P:watch",
    ],
)
def test_nothing_is_at_other_paths(path: str) -> None:
    assert rules.routes().find(path) is None


def test_aliases_can_be_left_out() -> None:
    assert rules.routes(aliases=False).find("/maintenance") is None
    assert rules.routes(aliases=False).find("/v1/maintenance") is not None


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("PATCH", "/v1/maintenance", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/v1/maintenance/", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/v1/maintenance/S/detail", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/maintenance/S/P/I", "OPTIONS, PUT"),
        ("POST", "/v1/maintenance/S:watch", "GET, OPTIONS"),
        ("HEAD", "/v1/maintenance:watch", "GET, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_verb_is_405_and_says_what_is_allowed(
    v1: httpx.AsyncClient, recorder: Recorder, verb: str, path: str, allow: str
) -> None:
    response = await v1.request(verb, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert verb == "HEAD" or allow in response.json()["error"]
    assert recorder.calls == []


async def test_options_says_what_is_allowed(v1: httpx.AsyncClient) -> None:
    response = await v1.options("/v1/maintenance/S")
    assert response.status_code == 200
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
    assert response.content == b""


async def test_head_is_get_without_the_body(v1: httpx.AsyncClient, memory: MemoryBackend) -> None:
    path = f"/v1/maintenance/{memory.add()}"
    get, head = await v1.get(path), await v1.head(path)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(get.content))
    assert head.content == b""
    assert (await v1.head("/v1/maintenance/none")).status_code == 404


async def test_no_form_of_a_path_is_redirected(recorder: Recorder) -> None:
    async with a_client(recorder) as client:
        for path in ("/v1/maintenance", "/v1/maintenance/", "/maintenance", "/maintenance/"):
            assert (await client.get(path)).status_code == 200


async def test_path_that_is_not_utf8_is_400(v1: httpx.AsyncClient) -> None:
    response = await v1.get("/v1/maintenance/%ff")
    assert response.status_code == 400


async def test_unknown_path_is_404(v1: httpx.AsyncClient, standard: httpx.AsyncClient) -> None:
    response = await v1.get("/v2/maintenance")
    assert response.status_code == 404
    assert response.json()["error"] == "there is nothing at this path"
    assert (await standard.get("/v2/maintenance")).json() == {
        "code": 5,
        "message": "there is nothing at this path",
        "details": [],
    }


async def test_the_root_lists_versions(v1: httpx.AsyncClient) -> None:
    version = {"id": "v1", "status": "CURRENT", "links": [{"rel": "self", "href": "/v1/"}]}
    assert (await v1.get("/")).json() == {"versions": [version]}
    assert (await v1.get("/v1/")).json() == {"version": version}
    assert (await v1.get("/healthz")).status_code == 200


def _service(package: str, **rule: Any) -> Any:
    """A service with one method, whose request has the field `id`, under the given rule."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    message = file.message_type.add(name="M")
    message.field.add(name="id", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    method = file.service.add(name="S").method.add(
        name="Do", input_type=f".{package}.M", output_type=f".{package}.M"
    )
    method.options.Extensions[annotations_pb2.http].CopyFrom(http_pb2.HttpRule(**rule))
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(f"{package}.S")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("wildcard", {"get": "/v1/*"}),
        ("pattern", {"get": "/v1/{id=things/*}"}),
        ("unknown_variable", {"get": "/v1/{name}"}),
        ("unknown_body", {"put": "/v1/{id}", "body": "thing"}),
        ("response_body", {"get": "/v1/{id}", "response_body": "id"}),
        ("custom_verb", {"custom": {"kind": "FETCH", "path": "/v1/{id}"}}),
        ("twice", {"get": "/v1/{id}", "additional_bindings": [{"get": "/v1/{id}"}]}),
    ],
)
def test_annotation_that_cannot_be_served_is_an_error_at_start(
    memory: MemoryBackend, name: str, rule: dict[str, Any]
) -> None:
    service = _service(f"refused_{name}", **rule)
    with pytest.raises(ValueError, match=r"/v1/|Do"):
        create_app(memory, services=[service])


def test_method_without_an_annotation_has_no_path(memory: MemoryBackend) -> None:
    unannotated, annotated = _service("unannotated"), _service("annotated", get="/v1/{id}")
    create_app(memory, services=[unannotated, annotated])
    paths = [
        binding.template
        for service in (unannotated, annotated)
        for binding in rules.bindings(service.methods[0], aliases=True)
    ]
    assert paths == ["/v1/{id}"]
