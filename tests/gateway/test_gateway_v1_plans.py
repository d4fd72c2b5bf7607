"""Plans over REST: specified like a new session, with the same leniencies, and read like every other v1 answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from google.protobuf import json_format

from tests.gateway.memory import SESSIONS, MemoryBackend, Recorder

END = "2030-01-01 02:00:00"


def _asked(recorder: Recorder) -> dict[str, Any]:
    method, message, _ = recorder.calls[-1]
    assert method == SESSIONS + "PlanSession"
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        pytest.param(None, {}, id="the-whole-cloud-from-now-on"),
        pytest.param({}, {}, id="empty"),
        pytest.param(
            {"hosts": ["a"], "workflow": "nfv"}, {"hosts": ["a"], "workflow": "vnf"}, id="D16"
        ),
        pytest.param(
            {"maintenance_at": END, "hosts": None},
            {"maintenance_at": "2030-01-01T02:00:00Z"},
            id="D8-D17",
        ),
        pytest.param(
            {"actions": [{"plugin": "p", "type": "pre", "metadata": None}]},
            {"actions": [{"plugin": "p", "type": "ACTION_TYPE_PRE"}]},
            id="D11-D12",
        ),
        pytest.param(
            {"options": {"preference": "fastest", "window_end": END, "parallel_hosts": None}},
            {"options": {"preference": "PREFERENCE_FASTEST", "window_end": "2030-01-01T02:00:00Z"}},
            id="options",
        ),
        pytest.param(
            {
                "options": {
                    "live_s": 30,
                    "slow_live": "abort",
                    "failed_live": ["cold", "FAILED_LIVE_GIVE_BACK"],
                    "host_down": "EVACUATE",
                }
            },
            {
                "options": {
                    "live_s": 30.0,
                    "slow_live": "SLOW_LIVE_ABORT",
                    "failed_live": ["FAILED_LIVE_COLD", "FAILED_LIVE_GIVE_BACK"],
                    "host_down": "HOST_DOWN_EVACUATE",
                }
            },
            id="difficult migrations",
        ),
        pytest.param(
            {
                "options": {"retire": ["c1"], "check_s": 5},
                "actions": [{"plugin": "p", "type": "check"}],
            },
            {
                "options": {"retire": ["c1"], "check_s": 5.0},
                "actions": [{"plugin": "p", "type": "ACTION_TYPE_CHECK"}],
            },
            id="D35 and checks",
        ),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_a_dry_run_is_specified_like_a_session(
    v1: httpx.AsyncClient, recorder: Recorder, prefix: str, slash: str, said: Any, asked: Any
) -> None:
    body = {} if said is None else {"json": said}
    response = await v1.post(f"{prefix}/maintenance:plan{slash}", **body)
    assert response.status_code == 200
    assert _asked(recorder) == {"specification": asked}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"host": ["a"]}, "host"),
        ({"hosts": "a"}, "hosts"),
        ({"state": "SCALE_IN"}, "state"),
        ({"maintenance_at": "soon"}, "maintenance_at"),
        ({"options": []}, "options"),
        ({"options": {"preference": "best"}}, "options.preference"),
        ({"options": {"slow_live": "hurry"}}, "options.slow_live"),
        ({"options": {"failed_live": ["PRAY"]}}, "options.failed_live"),
        ({"options": {"failed_live": "COLD"}}, "failed_live"),
        ({"options": {"window_end": "late"}}, "options.window_end"),
        ({"options": {"speed": 5}}, "speed"),
        ([], "body"),
    ],
)
async def test_a_specification_that_is_wrong_is_422_and_names_the_field(
    v1: httpx.AsyncClient, recorder: Recorder, said: Any, named: str
) -> None:
    response = await v1.post("/v1/maintenance:plan", json=said)
    assert (response.status_code, recorder.calls) == (422, [])
    assert named in response.json()["error"]


async def test_the_options_of_a_new_session_are_read_the_same_way(
    v1: httpx.AsyncClient, recorder: Recorder
) -> None:
    options = {"preference": "FEWEST_MOVES", "window_end": END}
    said = {"maintenance_at": END, "options": options}
    assert (await v1.post("/v1/maintenance", json=said)).status_code == 200
    sent = recorder.calls[-1][1].options
    assert (sent.preference, sent.window_end.ToJsonString()) == (3, "2030-01-01T02:00:00Z")


async def test_a_plan_reads_like_every_other_answer(
    both_doors: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add()
    plan = (await both_doors.get(f"/v1/maintenance/{session_id}:plan")).json()
    assert (plan["session_id"], plan["made_at"]) == (session_id, "2030-03-17T17:46:40Z")
    assert (plan["rounds"], plan["moves_gap"], plan["ends_at_p50"]) == (1, 0.5, None)
    assert plan["hosts"] == [
        {
            "host": "c1",
            "zone": "az1",
            "wave": 0,
            "begins_at": "2030-03-17T17:47:40Z",
            "work_at": None,
            "ends_at": None,
        }
    ]
    assert [move["target"] for move in plan["moves"]] == ["c2", None]
    assert plan["bounds"]["makespan_s"] == 1800.5
    assert plan["options"][0]["chosen"] is True
    assert [b["kind"] for b in plan["blockers"]] == ["NO_ROOM", "HOST_UNFIT"]
    assert plan["blockers"][0]["scale_in"] == {"vcpus": 8, "memory_mb": 0, "disk_gb": 0}
    assert plan["pace"]["move_p50_s"] == 42.5
    assert plan["waiting"][0]["subject"] == "window"


async def test_a_dry_run_has_no_session(both_doors: httpx.AsyncClient) -> None:
    assert (await both_doors.post("/v1/maintenance:plan", json={})).json()["session_id"] is None


async def test_the_plan_of_an_unknown_session_is_404(both_doors: httpx.AsyncClient) -> None:
    assert (await both_doors.get("/v1/maintenance/nobody:plan/")).status_code == 404


async def test_every_field_of_a_plan_is_shown(
    v1: httpx.AsyncClient, standard: httpx.AsyncClient
) -> None:
    """The plain mapping of the messages has the same names."""
    shown = (await v1.post("/v1/maintenance:plan", json={})).json()
    plain = (await standard.post("/v1/maintenance:plan", json={})).json()["plan"]

    def names(value: Any) -> Any:
        if isinstance(value, dict):
            return {_camel(key): names(inner) for key, inner in value.items()}
        return names(value[0]) if isinstance(value, list) and value else None

    assert names(shown) == names(plain)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
