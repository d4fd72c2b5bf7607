"""The files of deploy/ fit what is there: configurations can be read, and alarms look at what is measured."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.rpc import code_pb2

from fenix_grpc.config import Config, parse
from fenix_grpc.core.model import SessionState, StepOutcome, StepVerb
from fenix_grpc.measures import Measures

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())
#: Made by Prometheus itself.
FOREIGN = {"up"}


def measured() -> dict[str, set[str]]:
    """The labels of every sample that a server has once everything has happened that is measured."""
    measures = Measures()
    measures.called("/fenix.v1.SessionService/GetSession", code_pb2.OK, 0.1)
    measures.watched("/fenix.v1.SessionService/WatchSession", code_pb2.OK)
    measures.refused("calls_per_s")
    measures.lagged(0.1)
    measures.stepped(StepVerb.MOVE_INSTANCE, StepOutcome.DONE, 1.0)
    measures.leased(taken=1, lost=1, held=1)
    measures.asked_database("read", 0.1)
    measures.surveyed(*({"x": 1} for _ in range(4)))
    measures.follow("fenix_notifications_pending", lambda: 1, sink="webhook")
    measures.follow("fenix_ready", lambda: 1, part="database")
    samples = [sample for family in measures.registry.collect() for sample in family.samples]
    found: dict[str, set[str]] = {}
    for sample in samples:
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("rule", RULES["groups"][0]["rules"], ids=lambda rule: rule["alert"])
def test_an_alarm_looks_at_what_is_measured_and_says_what_to_do(rule: dict[str, Any]) -> None:
    known = measured()
    labels = {"instance", "job"}
    names = set(re.findall(r"\b(?:fenix|process)_\w+|\bup\b", rule["expr"]))
    assert names
    for name in names - FOREIGN:
        assert name in known, f"{name} is not measured"
        labels |= known[name]
    grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
    matched = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", rule["expr"])
    told = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    asked = {label.strip() for group in grouped for label in group.split(",")} | {*matched, *told}
    assert asked <= labels
    assert rule["expr"].count("(") == rule["expr"].count(")")
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_alarms_name_states_codes_and_outcomes_that_exist() -> None:
    for rule in RULES["groups"][0]["rules"]:
        for label, value in re.findall(
            r"(state|code|outcome)(?:=~|!~|!=|=)\"([^\"]+)\"", rule["expr"]
        ):
            words = {
                "state": {*SessionState},
                "code": {*code_pb2.Code.keys()},
                "outcome": {*StepOutcome},
            }[label]
            assert set(value.split("|")) <= words


def test_the_configuration_of_three_servers_can_be_read() -> None:
    config = parse((DEPLOY / "three-servers" / "fenix.toml").read_text())
    assert config.server.notice_s > 2.0  # two looks of the proxy
    proxy = (DEPLOY / "three-servers" / "haproxy.cfg").read_text()
    for port in (config.server.grpc_listen, config.server.rest_listen):
        assert f" {port}" in proxy
    assert float(*re.findall(r"timeout server (\d+)s", proxy)) > config.limits.call_s


def test_the_unit_gives_a_server_time_to_end() -> None:
    unit = RawConfigParser(strict=False, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "fenix.service")
    service, server = unit["Service"], Config().server
    assert float(service["TimeoutStopSec"].removesuffix("s")) > server.notice_s + server.grace_s
    assert service["ExecStart"].endswith("fenix serve --config /etc/fenix/fenix.toml")
