"""Writes plans like the other v1 answers: snake_case keys, bare words for enums, times in UTC, null for unset.

v1 has no plans; names are those of plan.proto.
"""

from __future__ import annotations

from typing import Any

from fenix_grpc.v1 import plan_pb2 as pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from gateway import words
from gateway.v1_responses import resources, time, waiting

Json = dict[str, Any]


def planned(response: session_pb.PlanSessionResponse, _body: Any) -> Json:
    """What is planned, with expected times."""
    plan = response.plan
    return {
        "session_id": plan.session_id or None,
        "made_at": time(plan.made_at),
        "ends_at_p50": time(plan.ends_at_p50),
        "ends_at_p90": time(plan.ends_at_p90),
        "rounds": plan.rounds,
        "moves_gap": plan.moves_gap,
        "bounds": _bounds(plan.bounds),
        "hosts": [_host(host) for host in plan.hosts],
        "moves": [_move(move) for move in plan.moves],
        "options": [_option(option) for option in plan.options],
        "blockers": [_blocker(blocker) for blocker in plan.blockers],
        "pace": _pace(plan.pace),
        "waiting": [waiting(wait) for wait in plan.waiting],
    }


def _bounds(bounds: pb.PlanBounds) -> Json:
    return {
        "rounds": bounds.rounds,
        "moves": bounds.moves,
        "moves_at_rounds": bounds.moves_at_rounds,
        "makespan_s": bounds.makespan_s,
        "makespan_by": bounds.makespan_by or None,
    }


def _host(host: pb.HostPlan) -> Json:
    return {
        "host": host.host,
        "zone": host.zone,
        "wave": host.wave,
        "begins_at": time(host.begins_at),
        "work_at": time(host.work_at),
        "ends_at": time(host.ends_at),
    }


def _move(move: pb.MovePlan) -> Json:
    return {
        "instance_id": move.instance_id,
        "instance_name": move.instance_name,
        "project_id": move.project_id,
        "source": move.source,
        "target": move.target or None,
        "wave": move.wave,
        "begins_at": time(move.begins_at),
        "ends_at": time(move.ends_at),
    }


def _option(option: pb.PlanOption) -> Json:
    return {
        "rounds": option.rounds,
        "moves": option.moves,
        "makespan_s": option.makespan_s,
        "seeds": option.seeds,
        "chosen": option.chosen,
    }


def _blocker(blocker: pb.PlanBlocker) -> Json:
    return {
        "kind": words.BLOCKER_KIND.word(blocker.kind),
        "subject": blocker.subject,
        "reason": blocker.reason,
        "hosts": list(blocker.hosts),
        "proven": blocker.proven,
        "scale_in_instance_ids": list(blocker.scale_in_instance_ids),
        "scale_in": resources(blocker.scale_in) if blocker.HasField("scale_in") else None,
        "add_hosts": blocker.add_hosts,
    }


def _pace(pace: pb.Pace) -> Json:
    return {
        "move_p50_s": pace.move_p50_s,
        "move_p90_s": pace.move_p90_s,
        "moves_measured": pace.moves_measured,
        "work_p50_s": pace.work_p50_s,
        "work_p90_s": pace.work_p90_s,
        "works_measured": pace.works_measured,
    }
