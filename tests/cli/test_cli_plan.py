"""`fenix plan`: what is asked, what a person reads, what a script learns."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import grpc
import pytest
from click.testing import Result
from fenix_client.testing import Failure, ScriptedFenix
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from typer.testing import CliRunner

from fenix_grpc.cli import gantt, gantt_svg
from fenix_grpc.cli.app import app
from fenix_grpc.cli.calls import Exit
from fenix_grpc.cli.chart import chart
from fenix_grpc.cli.plan_tables import expected_end
from fenix_grpc.v1 import plan_pb2 as p
from fenix_grpc.v1 import session_service_pb2 as s
from fenix_grpc.v1.types_pb2 import (
    FailedLive,
    HostDown,
    Preference,
    Resources,
    Session,
    SessionState,
    SlowLive,
    Waiting,
)

START = datetime(2030, 1, 31, 20, tzinfo=UTC)
ID = "4f2c1a9e-0000-4000-8000-000000000000"


def at(minutes: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(minutes=minutes))
    return stamp


def a_plan(hosts: int = 3, name: str = "c{n}") -> p.SessionPlan:
    """Host by host, 10 minutes to empty it and 30 of work."""
    plan = p.SessionPlan(made_at=at(0), rounds=hosts, moves_gap=0.125)
    plan.bounds.CopyFrom(
        p.PlanBounds(rounds=2, moves=8, moves_at_rounds=8, makespan_s=3600, makespan_by="group")
    )
    for n in range(hosts):
        begin = 40 * n
        times = {"begins_at": at(begin), "work_at": at(begin + 10), "ends_at": at(begin + 40)}
        plan.hosts.add(host=name.format(n=n), wave=n, **times)
        for m in range(3):
            plan.moves.add(instance_id=f"i{n}-{m}", source=name.format(n=n), wave=n)
    plan.ends_at_p50.CopyFrom(at(40 * hosts))
    plan.ends_at_p90.CopyFrom(at(44 * hosts))
    plan.pace.CopyFrom(p.Pace(move_p50_s=42, move_p90_s=60, moves_measured=36, work_p50_s=1800))
    return plan


class Shell:
    """Runs commands beside a server that plans as told."""

    def __init__(self, fenix: ScriptedFenix) -> None:
        self.fenix = fenix

    async def run(self, *words: str, plan: p.SessionPlan | None = None) -> Result:
        self.fenix.forget("PlanSession")
        self.fenix.reply("PlanSession", s.PlanSessionResponse(plan=plan or a_plan()))
        arguments = [*words, "--server", self.fenix.target]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)

    @property
    def asked(self) -> s.PlanSessionRequest:
        request = self.fenix.requests["PlanSession"][-1]
        assert isinstance(request, s.PlanSessionRequest)
        return request


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with ScriptedFenix() as fenix:
        yield Shell(fenix)


# What is asked


async def test_a_dry_run_asks_what_a_new_session_would(shell: Shell) -> None:
    words = "plan --host h1 --host h2 --workflow vnf --action host:dummy --preference fewest-moves"
    words += " --parallel-hosts 3 --parallel-moves 5 --fill-limit 0.9 --at 2030-01-31T22:00Z"
    result = await shell.run(*words.split(), "--window-end", "+6h", "--metadata", "a=b")
    asked = shell.asked.specification
    assert result.exit_code == 0
    assert (list(asked.hosts), asked.workflow) == (["h1", "h2"], "vnf")
    assert asked.maintenance_at.ToDatetime(tzinfo=UTC) == datetime(2030, 1, 31, 22, tzinfo=UTC)
    assert asked.options.window_end.ToDatetime(tzinfo=UTC) == datetime(2030, 2, 1, 4, tzinfo=UTC)
    assert asked.options.preference == Preference.PREFERENCE_FEWEST_MOVES
    assert (asked.options.parallel_hosts, asked.options.parallel_moves) == (3, 5)
    assert (asked.options.fill_limit, asked.actions[0].plugin) == (0.9, "dummy")


async def test_a_dry_run_begins_when_the_server_plans_it_unless_told_otherwise(
    shell: Shell,
) -> None:
    await shell.run("plan")
    assert shell.asked.HasField("specification")
    assert not shell.asked.specification.HasField("maintenance_at")


async def test_a_new_session_takes_the_same_options(shell: Shell) -> None:
    created = Session(session_id=ID, state=SessionState.SESSION_STATE_MAINTENANCE)
    shell.fenix.reply("CreateSession", s.CreateSessionResponse(session=created))
    words = "session create --preference fastest --parallel-hosts 2 --window-end 2030-02-01T04:00Z"
    result = await shell.run(*words.split())
    [request] = shell.fenix.requests["CreateSession"]
    assert (result.exit_code, request.options.parallel_hosts) == (0, 2)
    assert request.options.preference == Preference.PREFERENCE_FASTEST
    assert request.options.HasField("window_end")


async def test_a_new_session_takes_what_is_done_about_difficult_migrations(shell: Shell) -> None:
    created = Session(session_id=ID, state=SessionState.SESSION_STATE_MAINTENANCE)
    shell.fenix.reply("CreateSession", s.CreateSessionResponse(session=created))
    words = (
        "session create --live-s 30 --slow-live abort --failed-live cold --failed-live give-back"
    )
    result = await shell.run(*words.split(), "--host-down", "evacuate")
    [request] = shell.fenix.requests["CreateSession"]
    assert (result.exit_code, request.options.live_s) == (0, 30.0)
    assert request.options.slow_live == SlowLive.SLOW_LIVE_ABORT
    assert list(request.options.failed_live) == [
        FailedLive.FAILED_LIVE_COLD,
        FailedLive.FAILED_LIVE_GIVE_BACK,
    ]
    assert request.options.host_down == HostDown.HOST_DOWN_EVACUATE


async def test_a_session_is_planned_by_its_id(shell: Shell) -> None:
    await shell.run("plan", ID)
    assert shell.asked == s.PlanSessionRequest(session_id=ID)


@pytest.mark.parametrize(
    "option", ["--host=h1", "--at=+1h", "--workflow=vnf", "--parallel-hosts=2", "--window-end=+1h"]
)
async def test_a_session_cannot_be_planned_as_something_else(shell: Shell, option: str) -> None:
    result = await shell.run("plan", ID, option)
    assert result.exit_code == Exit.USAGE
    assert "planned as it was created" in " ".join(result.output.replace("│", " ").split())


# How it ends


async def test_everything_planned_is_exit_code_0(shell: Shell) -> None:
    assert (await shell.run("plan")).exit_code == Exit.OK


async def test_what_stands_in_the_way_is_told_with_what_helps_and_exit_code_7(shell: Shell) -> None:
    plan = a_plan(1)
    plan.blockers.add(
        kind=p.BLOCKER_KIND_NO_ROOM,
        hosts=["c8", "c9"],
        reason="What is on 2 hosts finds no room elsewhere.",
        scale_in_instance_ids=["i1", "i2"],
        scale_in=Resources(vcpus=4),
        add_hosts=1,
    )
    plan.blockers.add(kind=p.BLOCKER_KIND_HOST_UNFIT, hosts=["c7"], reason="Host c7 is down.")
    result = await shell.run("plan", plan=plan)
    assert result.exit_code == Exit.NOT_ALL
    assert "no room c8, c9 What is on 2 hosts" in " ".join(result.output.split())
    assert "release i1, i2 (4 vCPU) or add 1 empty host" in result.output
    assert "Host c7 is down." in result.output


async def test_a_window_that_is_too_short_is_exit_code_7(shell: Shell) -> None:
    plan = a_plan()
    plan.waiting.append(Waiting(subject="window", reason="the window ends 7 min before", then="so"))
    result = await shell.run("plan", plan=plan)
    assert result.exit_code == Exit.NOT_ALL
    assert "the window ends 7 min before" in result.output


async def test_nothing_left_and_nothing_possible_are_told_apart(shell: Shell) -> None:
    over = p.SessionPlan(session_id=ID, made_at=at(0))
    assert "nothing is left" in (await shell.run("plan", ID, plan=over)).output
    over.blockers.add(kind=p.BLOCKER_KIND_HOST_HELD, hosts=["c1"], reason="held")
    assert "none can be planned" in (await shell.run("plan", ID, plan=over)).output


async def test_the_exit_codes_are_in_the_help() -> None:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["--help"])
    assert "7 not all of it can be planned" in " ".join(result.output.split())


# What is printed


async def test_figures_stand_beside_the_best_possible(shell: Shell) -> None:
    lines = (await shell.run("plan")).output
    assert "3 hosts in 3 rounds; no plan needs fewer than 2" in lines
    assert "9 moves; no plan needs fewer than 8 (+12.5%)" in lines
    assert "22:00, in 2:00:00; 9 of 10 sessions end by 22:12" in lines
    assert "group: no plan takes less than 1:00:00" in lines
    assert "a move 42 s, 9 of 10 1:00 (36 measured)" in lines
    assert "(configured)" in lines


async def test_few_hosts_are_listed_one_by_one_and_many_by_wave(shell: Shell) -> None:
    few = (await shell.run("plan")).output
    assert [line.split()[:6] for line in few.splitlines() if line.startswith("2 ")] == [
        ["2", "c1", "3", "20:40", "20:50", "21:20"]
    ]
    many = (await shell.run("plan", plan=a_plan(1000))).output
    assert "1-42" in many
    assert len(many.splitlines()) < 80


async def test_json_is_the_message(shell: Shell) -> None:
    document = json.loads((await shell.run("plan", "-o", "json")).output)
    assert [host["host"] for host in document["hosts"]] == ["c0", "c1", "c2"]


async def test_other_choices_are_shown_when_there_were_any(shell: Shell) -> None:
    plan = a_plan()
    plan.options.add(rounds=4, moves=8, makespan_s=7200)
    assert "this plan" not in (await shell.run("plan", plan=plan)).output
    plan.options.add(rounds=3, moves=9, makespan_s=6000, chosen=True)
    assert "this plan" in (await shell.run("plan", plan=plan)).output


# The pictures


def drawn(plan: p.SessionPlan, width: int) -> list[str]:
    terminal = Console(file=io.StringIO(), width=width)
    terminal.print(gantt.gantt(chart(plan, gantt.MOST_ROWS), width))
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue().splitlines()


def test_a_host_is_a_row_with_its_emptying_and_its_work() -> None:
    axis, first, second, third, legend = drawn(a_plan(), 80)
    assert "20:00" in axis
    assert first.startswith("c0  ▒")
    for line in (first, second, third):
        assert line.count("█") in (16, 17)
        assert line.count("▒") in (5, 6)
    assert second.index("▒") == pytest.approx(first.rindex("█") + 1, abs=1)
    assert "│" in first
    assert "worked on" in legend


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("hosts", [1, 10, 33, 1000])
def test_a_picture_is_as_wide_as_the_terminal_and_never_long(width: int, hosts: int) -> None:
    lines = drawn(a_plan(hosts, "a-host-with-a-long-name-{n}"), width)
    assert all(len(line) <= width for line in lines)
    assert min(hosts, 17) + 2 <= len(lines) <= gantt.MOST_ROWS + 2


def test_many_hosts_are_folded_into_rows_that_say_how_many() -> None:
    lines = drawn(a_plan(1000), 100)
    assert lines[1].startswith("32 hosts, waves 1-32")
    assert "height" in lines[-1]


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [(0.5, ["20:00:00", "20:00:10"]), (90, ["20:00", "20:30"]), (60 * 24 * 5, ["Feb 1", "Feb 2"])],
)
def test_the_axis_has_round_times(minutes: float, labels: list[str]) -> None:
    plan = a_plan(1)
    plan.hosts[0].ends_at.CopyFrom(at(minutes))
    plan.hosts[0].work_at.CopyFrom(at(0))
    plan.ends_at_p50.CopyFrom(at(minutes))
    plan.ends_at_p90.CopyFrom(at(minutes))
    assert [label for _, label in chart(plan, 10).ticks(6)][:2] == labels


@pytest.mark.parametrize("hosts", [1, 12, 500])
def test_the_svg_stands_alone_and_is_well_formed(tmp_path: Path, hosts: int) -> None:
    drawing = gantt_svg.svg(chart(a_plan(hosts), gantt_svg.MOST_ROWS), "A & B", "<nothing>")
    root = ElementTree.fromstring(drawing)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:2] == ["A & B", "<nothing>"]
    assert {"emptied", "worked on"} <= set(texts)
    assert any(text and text.startswith("expected end") for text in texts)
    assert "http" not in drawing.replace("http://www.w3.org/2000/svg", "")


def test_names_of_hosts_are_only_text_in_the_svg() -> None:
    plan = a_plan(1, "</text><script>{n}")
    root = ElementTree.fromstring(gantt_svg.svg(chart(plan, 60), "t", "s"))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


async def test_the_svg_is_written_where_it_was_asked_for(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.svg"
    assert (await shell.run("plan", "--svg", str(file))).exit_code == 0
    assert "3 hosts, 9 moves, 3 rounds; expected end 22:00" in file.read_text()


# The expected end elsewhere


async def test_a_session_is_shown_with_its_expected_end(shell: Shell) -> None:
    session = Session(session_id=ID, state=SessionState.SESSION_STATE_SCALE_IN)
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=session))
    result = await shell.run("session", "show", ID)
    assert "expected end    22:00 (9 of 10: 22:12)" in result.output


async def test_a_server_that_cannot_plan_is_no_trouble(shell: Shell) -> None:
    session = Session(session_id=ID, state=SessionState.SESSION_STATE_SCALE_IN)
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=session))
    shell.fenix.reply("PlanSession", Failure(code=grpc.StatusCode.UNIMPLEMENTED))
    arguments = ["session", "show", ID, "--server", shell.fenix.target]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert (result.exit_code, "expected end" in result.output) == (0, False)


def test_short_plans_are_told_to_the_second() -> None:
    plan = a_plan(1)
    plan.ends_at_p50.CopyFrom(at(0.5))
    plan.ends_at_p90.CopyFrom(at(0.6))
    assert expected_end(plan) == "20:00:30 (9 of 10: 20:00:36)"


def test_another_day_is_named() -> None:
    plan = a_plan(9)
    assert expected_end(plan) == "Fri 02:00 (9 of 10: Fri 02:36)"
    plan.ends_at_p90.CopyFrom(at(60 * 24 * 30))
    assert expected_end(plan) == "Fri 02:00 (9 of 10: 2030-03-02 20:00)"
