"""Plug-ins come from installed packages, as far as the configuration allows, and errors say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fenix_grpc.actions.command import Command
from fenix_grpc.actions.dummy import Dummy
from fenix_grpc.clock import SystemClock, VirtualClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.plugins import Configured, load_actions, load_cloud, load_workflows

CLOCK = SystemClock()
Install = Callable[[str, str, str], None]

PACKAGE = """
from fenix_grpc.core.errors import InvalidRequest

class Reboot:
    idempotent = False
    def __init__(self, options): self.options = options
    async def run(self, request): ...

def create(options, clock):
    return Reboot(options)

def create_nothing(options, clock):
    return object()

def create_error(options, clock):
    return 1 / 0
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package that offers one plug-in, as pip would leave it on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(package: str, entry_points: str, source: str = PACKAGE) -> None:
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)

    return installed


def an_action(name: str, kind: str = "", **options: object) -> Configured:
    return Configured(name=name, kind=kind or name, options=options)


def test_the_built_in_ones_are_there() -> None:
    actions = load_actions(
        [
            an_action("dummy"),
            an_action("firmware", "command", command=["true"]),
            an_action("reboot", "command", command=["true", "{host}"], idempotent=True),
        ],
        CLOCK,
    )
    assert actions.names == ("dummy", "firmware", "reboot")
    assert isinstance(actions.named("dummy"), Dummy)
    assert isinstance(actions.named("firmware"), Command)
    assert actions.named("reboot").idempotent
    workflows = load_workflows(["default"])
    assert workflows.named("default").name == "default"
    assert set(workflows.names) == {"default", *workflows.named("default").aliases}


async def test_the_cloud_is_made_with_its_options(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text('[[hosts]]\nname = "h"\nvcpus = 1\nmemory_mb = 1\ndisk_gb = 1\n')
    configured = Configured(name="cloud", kind="simulated", options={"file": str(file)})
    cloud = load_cloud(configured, VirtualClock())
    assert isinstance(cloud, SimulatedCloud)
    assert [host.host for host in (await cloud.inventory()).hosts] == ["h"]
    await cloud.aclose()


def test_what_a_request_may_not_name_is_answered_with_what_it_may() -> None:
    actions = load_actions([an_action("dummy")], CLOCK)
    with pytest.raises(InvalidRequest, match="command is not allowed here; allowed: dummy"):
        actions.named("command")
    with pytest.raises(InvalidRequest, match="allowed: none"):
        load_workflows([]).named("default")


def test_an_installed_package_can_offer_its_own(install: Install) -> None:
    install("site_reboot", "[fenix.actions]\nreboot = site_reboot:create\n", PACKAGE)
    reboot = load_actions([an_action("reboot", colour="blue")], CLOCK).named("reboot")
    assert vars(reboot) == {"options": {"colour": "blue"}}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("broken_one:missing", "AttributeError"),
        ("broken_one_missing:create", "ModuleNotFoundError"),
        ("broken_one:create_nothing", "lacks run, idempotent"),
        ("broken_one:create_error", "does not start: ZeroDivisionError"),
    ],
)
def test_a_broken_one_is_named_at_the_start(install: Install, target: str, why: str) -> None:
    install("broken_one", f"[fenix.actions]\nbroken = {target}\n", PACKAGE)
    with pytest.raises(InvalidRequest, match=why) as caught:
        load_actions([an_action("mine", "broken")], CLOCK)
    assert caught.value.field == "actions.mine"


def test_one_that_breaks_while_imported_is_named_at_the_start(install: Install) -> None:
    install("broken_two", "[fenix.actions]\nbroken = broken_two:create\n", "1 / 0")
    with pytest.raises(InvalidRequest, match="cannot be loaded: ZeroDivisionError"):
        load_actions([an_action("broken")], CLOCK)


def test_a_workflow_must_be_one(install: Install) -> None:
    install("no_flow", "[fenix.workflows]\nmine = no_flow:create\n", PACKAGE)
    with pytest.raises(InvalidRequest, match="is not a Workflow"):
        load_workflows(["mine"])


def test_two_packages_that_offer_one_name_are_ambiguous(install: Install) -> None:
    install("first_one", "[fenix.actions]\nreboot = first_one:create\n", PACKAGE)
    install("second_one", "[fenix.actions]\nreboot = second_one:create\n", PACKAGE)
    with pytest.raises(InvalidRequest, match="ambiguous: first_one:create, second_one:create"):
        load_actions([an_action("reboot")], CLOCK)


def test_wrong_options_name_the_plug_in_and_the_option() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_actions([an_action("firmware", "command", command="true")], CLOCK)
    assert caught.value.field == "actions.firmware.options.command"
    with pytest.raises(InvalidRequest) as caught:
        load_cloud(Configured(name="cloud", kind="simulated", options={"file": 3}), CLOCK)
    assert caught.value.field == "cloud.options.file"


def test_what_nobody_offers_is_answered_with_what_is_offered() -> None:
    with pytest.raises(InvalidRequest, match="offered: ansible, command, dummy, http"):
        load_actions([an_action("reboot")], CLOCK)


def test_one_name_is_one_plug_in() -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        load_actions([an_action("dummy"), an_action("dummy", "command", command=["true"])], CLOCK)
