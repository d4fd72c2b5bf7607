"""The documents of the contract are what the proto files say now, and take up a new RPC by themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from gateway import rules
from gateway.contract import comments, openapi, reference
from gateway.contract.comments import Comments
from tests.contract.documents import DIALECTS, ROOT, document

PRESENT = ("docs/api.md", *(f"gateway/documents/openapi-{dialect}.json" for dialect in DIALECTS))


@pytest.fixture(scope="module")
def said() -> Comments:
    buf = Path(sys.executable).with_name("buf")
    command = [buf, "build", "-o", "-"]
    return comments.read(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def test_they_are_the_present_ones(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.contract", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    for file in PRESENT:
        written = (tmp_path / file).read_text()
        assert written == (ROOT / file).read_text(), f"{file}: `make gen` writes it anew"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_path_of_the_contract_is_there(dialect: str) -> None:
    bound = {
        (binding.template, binding.verb.lower())
        for service in rules.SERVICES
        for method in service.methods
        for binding in rules.bindings(method, aliases=False)
    }
    paths = document(dialect)["paths"]
    assert bound == {(path, verb) for path in paths for verb in paths[path]} - {("/healthz", "get")}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_reference_leads_somewhere(dialect: str) -> None:
    whole = document(dialect)

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                at = whole
                for key in value["$ref"].removeprefix("#/").split("/"):
                    at = at[key]
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)

    check(whole)


def test_every_method_says_its_callers_and_everything_has_a_comment(said: Comments) -> None:
    for service in rules.SERVICES:
        for method in service.methods:
            found = comments.of_method(said[method.full_name], said[service.full_name])
            assert found.callers, method.full_name
            assert {"UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE"} <= found.errors.keys()


def test_a_comment_is_taken_apart() -> None:
    comment = (
        "Does it. Callers: ADMIN. Repeating is safe. "
        "Errors: NOT_FOUND, OUT_OF_RANGE (too old, or too new), INTERNAL (an incident)."
    )
    common = "For all. Every call may be answered with UNAVAILABLE and INTERNAL besides."
    found = comments.of_method(comment, common)
    assert found.text == "Does it. Repeating is safe."
    assert found.callers == "ADMIN"
    assert list(found.errors.items()) == [
        ("NOT_FOUND", ""),
        ("OUT_OF_RANGE", "too old, or too new"),
        ("INTERNAL", "an incident"),
        ("UNAVAILABLE", ""),
    ]


def a_new_service() -> ServiceDescriptor:
    """With one RPC that no file here knows."""
    file = descriptor_pb2.FileDescriptorProto(
        name="new.proto", package="fenix.new", syntax="proto3"
    )
    file.dependency.append("google/api/annotations.proto")
    for name in ("DoRequest", "DoResponse"):
        field = file.message_type.add(name=name).field.add(name="big_number", number=1)
        field.type, field.label = field.TYPE_INT64, field.LABEL_OPTIONAL
    method = file.service.add(name="NewService").method.add(name="Do")
    method.input_type, method.output_type = ".fenix.new.DoRequest", ".fenix.new.DoResponse"
    method.options.Extensions[annotations_pb2.http].post = "/v1/new"
    method.options.Extensions[annotations_pb2.http].body = "*"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("fenix.new.NewService")


def test_a_new_rpc_is_taken_up_without_a_word_about_it() -> None:
    new = a_new_service()
    said = {"fenix.new.NewService.Do": "Does it.\n\nCallers: ADMIN. Errors: ABORTED (a conflict)."}
    for dialect in DIALECTS:
        whole = openapi.document(said, view=dialect, services=[new])
        operation = whole["paths"]["/v1/new"]["post"]
        assert operation["summary"] == "Does it."
        assert operation["responses"].keys() >= {"200", "400", "409"}
        answer = whole["components"]["schemas"]["DoResponse"]
        assert answer["properties"]["bigNumber"] == {"type": "string", "format": "int64"}
    page = reference.renewed(reference.MARK, said, [new])
    assert "| REST | `POST /v1/new` |" in page
    assert "| `big_number` | int64 |" in page
