"""The configuration file: defaults that are safe, and errors that tell what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from fenix_grpc import access
from fenix_grpc.config import CONFIG_VARIABLE, Action, Config, address, load, parse
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import FailedLive, Fallback, HostDown, Policy, SlowLive

WHOLE = """
[server]
grpc_listen = "0.0.0.0:2"
rest_listen = "[::1]:1"
max_sessions = 3

[database]
url = "postgresql+psycopg://fenix@db/fenix"

[cloud]
kind = "openstack"
options = { cloud = "devcloud" }

[auth]
kind = "none"
allow_insecure = true

[projects]
managed = ["p1", "p2"]
no_manager = "fail"
silence = "migrate"
listener_grace_s = 5

[timers]
reply_s = 7
move_attempts = 2
live_s = 0
slow_live = "ABORT"
failed_live = ["COLD", "GIVE_BACK"]
host_down = "EVACUATE"

[actions.reboot]
kind = "command"
options = { argv = ["reboot"] }

[workflows]
allowed = ["default", "vnf"]

[engine]
lease_s = 3.5
"""


def test_without_a_file_everything_has_a_default() -> None:
    config = load(environ={})
    assert config == Config()
    assert config.policy() == Policy()


def test_a_whole_file_is_read() -> None:
    config = parse(WHOLE)
    assert config.server.grpc_listen == "0.0.0.0:2"
    assert config.cloud.options == {"cloud": "devcloud"}
    assert config.projects.managed == ("p1", "p2")
    assert config.actions == {"reboot": Action(kind="command", options={"argv": ["reboot"]})}
    assert config.engine.lease_s == 3.5
    assert config.policy() == Policy(
        reply_s=7.0,
        move_attempts=2,
        no_manager=Fallback.FAIL,
        silence=Fallback.MIGRATE,
        slow_live=SlowLive.ABORT,
        failed_live=(FailedLive.COLD, FailedLive.GIVE_BACK),
        host_down=HostDown.EVACUATE,
    )


def test_the_path_given_comes_before_the_variable(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("[server]\nmax_sessions = 1")
    other.write_text("[server]\nmax_sessions = 2")
    environ = {CONFIG_VARIABLE: str(other)}
    assert load(one, environ).server.max_sessions == 1
    assert load(None, environ).server.max_sessions == 2


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("[servre]", "servre", "expected one of actions, aodh, audit, auth, cloud"),
        ("server = 1", "server", r"a section \[server\]"),
        ("[server]\ngrpc = 1", "server.grpc", "expected one of grace_s, grpc_listen"),
        ("[server]\ngrpc_listen = 12348", "server.grpc_listen", "Expected `str`, got `int`"),
        ("[server]\ngrpc_listen = '12348'", "server.grpc_listen", "HOST:PORT"),
        ("[server]\nrest_listen = '::1:80'", "server.rest_listen", "HOST:PORT"),
        ("[server]\nrest_listen = 'localhost:66000'", "server.rest_listen", "65535"),
        ("[server]\nmax_sessions = 0", "server.max_sessions", ">= 1"),
        ("[cloud]\nkind = 'vmware'", "cloud.kind", "one of 'simulated', 'openstack', not 'vmware'"),
        ("[cloud]\noptions = 'x'", "cloud.options", "Expected `object`, got `str`"),
        ("[auth]\nkind = 'magic'", "auth.kind", "one of 'none'"),
        ("[projects]\nmanaged = 'p1'", "projects.managed", "Expected `array`"),
        ("[projects]\nmanaged = [1]", "projects.managed[0]", "Expected `str`"),
        ("[projects]\nsilence = 'MIGRATE'", "projects.silence", "one of 'migrate', 'fail'"),
        ("[projects]\nlistener_grace_s = -1", "projects.listener_grace_s", "> 0"),
        ("[timers]\nreply = 1", "timers.reply", "expected one of .*reply_s"),
        ("[timers]\nreply_s = '1'", "timers.reply_s", "Expected `float`, got `str`"),
        ("[timers]\nreply_s = 0", "timers.reply_s", "above 0"),
        ("[timers]\nslow_live = 'HURRY'", "timers.slow_live", "HURRY"),
        (
            "[timers]\nfailed_live = ['COLD', 'COLD']",
            "timers.failed_live",
            "each of its words once",
        ),
        ("[timers]\nreply_s = inf", "timers.reply_s", "above 0"),
        ("[timers]\nmove_attempts = 1.5", "timers.move_attempts", "Expected `int`"),
        ("[timers]\nsilence = 'fail'", "timers.silence", "belongs to projects.silence"),
        ("[actions]\nreboot = 'command'", "actions.reboot", r"a section \[actions.reboot\]"),
        ("[actions.reboot]", "actions.reboot", "missing required field `kind`"),
        (
            "[actions.reboot]\nkind = 'x'\nargv = 1",
            "actions.reboot.argv",
            "one of attempts, kind, options, timeout_s",
        ),
        ("[engine]\nlease_s = true", "engine.lease_s", "Expected `float`, got `bool`"),
        ("[server]\na = b", "TOML", "line 2"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_expected(text: str, place: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as failure:
        parse(text)
    assert failure.value.field == place


def test_the_file_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "fenix.toml"
    path.write_text("[server]\nport = 1")
    with pytest.raises(InvalidRequest, match=rf"{path}: server\.port: is not known"):
        load(path)
    with pytest.raises(InvalidRequest, match=r"missing\.toml: cannot be read"):
        load(tmp_path / "missing.toml")


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "fenix.example:1"])
@pytest.mark.parametrize("door", ["grpc_listen", "rest_listen"])
def test_an_open_door_without_authentication_is_refused(door: str, listen: str) -> None:
    text = f"[server]\n{door} = '{listen}'\n"
    with pytest.raises(InvalidRequest, match="allow_insecure"):
        parse(text)
    assert parse(text + "[auth]\nallow_insecure = true")


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:12348", ("127.0.0.1", 12348)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_addresses_of_this_machine_need_no_authentication(
    listen: str, expected: tuple[str, int]
) -> None:
    assert address("server.grpc_listen", listen) == expected
    assert parse(f"[server]\ngrpc_listen = '{listen}'").server.grpc_listen == listen


STATIC = '[auth]\nkind = "static"\nstatic = { file = "tokens.toml" }\n'
TLS = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'


def test_several_ways_to_prove_who_one_is() -> None:
    config = parse(
        TLS
        + """client_ca = "ca.pem"
[auth]
kind = ["static", "keystone", "certificates"]
[auth.static]
file = "tokens.toml"
[auth.keystone]
cloud = "fenix"
project_roles = ["vnfm"]
[auth.certificates.names]
"ops.example" = { role = "admin" }
"red.example" = { role = "project", project = "red" }
"""
    )
    assert config.auth.kind == ("static", "keystone", "certificates")
    assert config.auth.static == access.Static(file="tokens.toml")
    assert config.auth.keystone == access.Keystone(cloud="fenix", project_roles=("vnfm",))
    assert config.auth.certificates.names["red.example"].project == "red"
    assert parse("[auth]\nkind = 'keystone'").auth.keystone == access.Keystone()


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("[auth]\nkind = ['static', 'none']", "auth.kind", "none lets everybody in"),
        ("[auth]\nkind = []", "auth.kind", "expected one of"),
        ("[auth]\nkind = 3", "auth.kind", "expected one of"),
        ("[auth]\nkind = 'static'", "auth.static", "needs a file"),
        ("[auth]\nkind = 'static'\n[auth.static]", "auth.static", "file"),
        ("[auth]\nkind = 'static'\nstatic = {fiel = 'x'}", "auth.static.fiel", "expected one of"),
        ("[auth.static]\nfile = 'x'", "auth.static", "static is not in auth.kind"),
        ("[auth]\nkind = 'keystone'\nkeystone = {cache_s = 0}", "auth.keystone.cache_s", "> 0"),
        ("[auth]\nkind = 'keystone'\nkeystone = {cache_s = 9e9}", "auth.keystone.cache_s", "600"),
        ("[auth]\nkind = 'certificates'", "tls.client_ca", "needs it"),
        ("[auth]\nkind = 'certificates'\n[tls]\nclient_ca = 'x'", "tls", "belong together"),
        ("[tls]\ncertificate = 'x'", "tls", "belong together"),
        ("[auth]\npolicy_file = 1", "auth.policy_file", "Expected `str`"),
        ("[audit]\nfile = 1", "audit.file", "Expected `str`"),
    ],
)
def test_what_is_wrong_about_who_gets_in(text: str, place: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as failure:
        parse(text)
    assert failure.value.field == place


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('"x" = { role = "root" }', "root"),
        ('"x" = { role = "project" }', "a project belongs"),
        ('"x" = { role = "admin", project = "red" }', "a project belongs"),
        ('"x" = { role = "admin", projct = "red" }', "projct: is not known"),
        ('"x" = 1', "x"),
        ('"x" = {}', "role"),
    ],
)
def test_names_of_certificates_that_say_nothing(said: str, told: str) -> None:
    auth = f"[auth]\nkind = 'certificates'\n[auth.certificates.names]\n{said}\n"
    with pytest.raises(InvalidRequest, match=told):
        parse(TLS + "client_ca = 'ca.pem'\n" + auth)


@pytest.mark.parametrize("door", ["grpc_listen", "rest_listen"])
def test_tokens_are_not_taken_in_plain_text_from_other_machines(door: str) -> None:
    text = f"[server]\n{door} = '0.0.0.0:1'\n{STATIC}"
    with pytest.raises(InvalidRequest, match="everybody on the way can read the tokens"):
        parse(text)
    assert parse(text + "allow_insecure = true")
    assert parse(text + TLS)
    with pytest.raises(InvalidRequest, match="lets everybody do everything"):
        parse(f"[server]\n{door} = '0.0.0.0:1'\n{TLS}")


def test_the_usual_port_of_v1() -> None:
    """D41."""
    assert parse("").server.rest_listen.endswith(":12347")


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ("", "http://127.0.0.1:12347"),
        ("public_url = 'https://fenix.example/'", "https://fenix.example"),
        ("public_url = 'https://cloud.example/fenix/v1'", "https://cloud.example/fenix"),
    ],
)
def test_links_begin_with_the_public_url(said: str, begins: str) -> None:
    """W7. With or without the `/v1` that the catalogue has."""
    assert parse(f"[server]\n{said}").public_url == begins


@pytest.mark.parametrize("url", ["fenix.example", "ftp://x", "http://x/?a", "http://" + "x" * 100])
def test_a_public_url_that_links_cannot_begin_with(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"server\.public_url"):
        parse(f"[server]\npublic_url = '{url}'")
