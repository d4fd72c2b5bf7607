"""schemathesis sends what the OpenAPI documents allow, and what they do not, to a real server: every answer must be as
documented, in either dialect, and none may be a 5xx.

Half of the requests name things that exist: chance alone would find nothing but 404. The test fails when an operation
was never answered with 200.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import jsonschema_rs
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from fenix_grpc.clock import SystemClock
from tests.contract.documents import ACCEPT, DIALECTS, document
from tests.e2e.service import until
from tests.processes.servers import ServerProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "vnf"
CLOUD = f"""
flavors.m = {{vcpus = 2, memory_mb = 4096, disk_gb = 20}}
[[hosts]]
name = "compute-{{n}}"
count = 3
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "{PROJECT}"
[[projects.instances]]
name = "vm-{{n}}"
count = 2
flavor = "m"
"""
SERVER = "max_sessions = 100000"
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9/"
MORE = f"""
[projects]
managed = ["{PROJECT}"]
[actions.dummy]
kind = "dummy"
[webhooks]
allowed_urls = ["{NOWHERE}"]
private_networks = ["127.0.0.0/8"]
"""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
#: Requests for each operation, mode and dialect.
EXAMPLES = 25
#: A watch of a project stays silent for half a second before its head is sent.
EXAMPLES_OF_ENDLESS = 4
ENDLESS = "WatchProject"


def closed(schema: Any) -> Any:
    """What a client may meet from later servers is not what this one may say: no key is left undocumented."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def strict(dialect: str) -> dict[str, Any]:
    """The document of a dialect with closed answers."""
    found = copy.deepcopy(document(dialect))
    schemas = found["components"]["schemas"]
    for name in schemas:
        if not name.endswith(".Input"):
            schemas[name] = closed(schemas[name])
    return found


DOCUMENTS = {dialect: strict(dialect) for dialect in DIALECTS}
SCHEMAS = {dialect: schemathesis.openapi.from_dict(doc) for dialect, doc in DOCUMENTS.items()}


def operations(dialect: str) -> dict[str, Any]:
    """By their ids."""
    paths = DOCUMENTS[dialect]["paths"].values()
    return {operation["operationId"]: operation for path in paths for operation in path.values()}


def requests_to_send() -> Iterator[tuple[str, str, GenerationMode]]:
    """Every operation in every dialect. Wrong data exists where there is more to say than texts in a path."""
    for dialect in DIALECTS:
        for name, operation in operations(dialect).items():
            yield dialect, name, GenerationMode.POSITIVE
            parameters = operation.get("parameters", [])
            if "requestBody" in operation or any(said["in"] != "path" for said in parameters):
                yield dialect, name, GenerationMode.NEGATIVE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("schemathesis")
    running = ServerProcess.simulated(directory, CLOUD, MORE, server=SERVER)
    await running.start()
    yield running
    await running.stop()
    log = running.log.read_text()
    assert "Traceback" not in log
    assert "incident" not in log


@pytest_asyncio.fixture(loop_scope="module")
async def known(server: ServerProcess) -> AsyncIterator[dict[str, str]]:
    """Path parameters that lead to something: a session that a project is asked of, and has refused."""
    async with httpx.AsyncClient(base_url=server.rest, trust_env=False) as http:
        body = {"maintenance_at": tomorrow()}
        session_id = (await http.post("/v1/maintenance", json=body)).json()["session_id"]
        path = f"/v1/maintenance/{session_id}"
        asked = await until(
            lambda: http.get(f"{path}/{PROJECT}"), lambda r: r.is_success and r.json()["notice"]
        )
        await http.put(f"{path}/{PROJECT}", json={"state": "NACK_MAINTENANCE"})
        await until(lambda: http.get(path), lambda r: r.json()["state"] == "MAINTENANCE_FAILED")
        instance_id = asked.json()["instance_ids"][0]
        for constraint in (f"instance/{instance_id}", "instance_group/ha"):
            said = {"project_id": PROJECT, "resource_mitigation": False}
            (await http.put(f"/v1/{constraint}", json=said)).raise_for_status()
        hooks = f"/v1/projects/{PROJECT}/webhooks"
        hook = (await http.post(hooks, json={"url": NOWHERE})).json()["webhook"]
        yield {
            "webhook_id": hook["webhookId"],
            "session_id": session_id,
            "project_id": PROJECT,
            "instance_id": instance_id,
            "group_id": "ha",
        }
        for left in (await http.get(hooks)).json()["webhooks"]:
            (await http.delete(f"{hooks}/{left['webhookId']}")).raise_for_status()
        # Sessions hold their hosts: the next one needs them.
        for left in (await http.get("/v1/maintenance")).json()["sessions"]:
            (await http.delete(f"/v1/maintenance/{left}")).raise_for_status()
        await until(lambda: http.get("/v1/maintenance"), lambda r: not r.json()["sessions"])


def tomorrow() -> str:
    return f"{SystemClock().now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def lead(case: schemathesis.Case, known: dict[str, str]) -> None:
    """Lets a request name what exists, a new session begin in time, and a webhook lead to where it may."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known[name]
    if isinstance(case.body, dict):
        for key in case.body.keys() & {"maintenance_at", "maintenanceAt"}:
            case.body[key] = tomorrow()
        if "url" in case.body:
            case.body["url"] = NOWHERE
            case.body.pop("secret", None)


class Caller:
    """Sends requests in a dialect and judges the answers."""

    def __init__(self, url: str, dialect: str, name: str) -> None:
        self._url = url
        self._headers = {"accept": ACCEPT[dialect]}
        self._session = requests.Session()
        self._session.trust_env = False
        self._line = line_validator(dialect, name)

    def call(self, case: schemathesis.Case) -> int:
        """The status, after everything else was found to be as documented."""
        if self._line is not None:
            case.query = {**(case.query or {}), "follow": "false"}
        request = case.as_transport_kwargs(base_url=self._url, headers=self._headers)
        with self._session.request(**request, stream=True, timeout=(5, 1)) as response:
            if self._line is None or response.status_code != 200:
                case.validate_response(response, checks=CHECKS)
            else:
                assert response.headers["content-type"] == "application/x-ndjson"
                for line in until_silent(response):
                    self._line.validate(json.loads(line))
            return response.status_code


def line_validator(dialect: str, name: str) -> jsonschema_rs.Validator | None:
    """For the lines of a stream; None for other operations."""
    success = operations(dialect)[name]["responses"]["200"]["content"]
    if "application/x-ndjson" not in success:
        return None
    schema = success["application/x-ndjson"]["schema"]
    return jsonschema_rs.validator_for({**schema, "components": DOCUMENTS[dialect]["components"]})


def until_silent(response: requests.Response) -> Iterator[bytes]:
    """Lines of a stream; the watch of a project does not end by itself."""
    try:
        yield from response.iter_lines(chunk_size=None)
    except requests.ConnectionError as err:
        if "Read timed out" not in str(err):
            raise


@pytest.mark.parametrize(("dialect", "name", "mode"), list(requests_to_send()))
async def test_every_answer_is_as_documented(
    server: ServerProcess, known: dict[str, str], dialect: str, name: str, mode: GenerationMode
) -> None:
    operation = SCHEMAS[dialect].find_operation_by_id(name)
    caller = Caller(server.rest, dialect, name)
    answered: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES_OF_ENDLESS if name == ENDLESS else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode), leads_somewhere=st.booleans())
    def call(case: schemathesis.Case, leads_somewhere: bool) -> None:
        if leads_somewhere:
            lead(case, known)
        answered[caller.call(case)] += 1

    call()
    print(dialect, name, mode.name, dict(answered))
    if mode is GenerationMode.POSITIVE:
        assert answered[200], f"was never answered with 200, but {dict(answered)}"
