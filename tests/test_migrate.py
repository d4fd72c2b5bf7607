"""An old fenix.conf becomes a fenix.toml, and whatever cannot is said."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fenix_grpc.cli.app import app
from fenix_grpc.config import parse
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.migrate import migrate

#: As a deployment of the container recipe has it.
OLD = """
[DEFAULT]
host = 192.0.2.7
port = 12347
api_config = /etc/fenix/fenix-api.conf
transport_url = rabbit://openstack:s3%cret@192.0.2.5:5672/
project_maintenance_reply = 30
project_scale_in_reply = 90
local_cache_dir = /var/cache/fenix
live_migration_retries = 5
live_migration_wait_time = 600
[database]
connection = mysql+pymysql://fenix:pa"ss@192.0.2.5/fenix?charset=utf8
[service_user]
os_auth_url = http://192.0.2.5/identity/v3
os_username = fenix
os_password = s3"cret
os_user_domain_name = Default
os_project_name = service
os_project_domain_name = Default
[engine]
rpc_topic = fenix.engine
wait_project_reply = 120
[keystone_authtoken]
auth_url = http://192.0.2.5/identity
"""


def test_everything_that_has_a_counterpart_is_there() -> None:
    migrated = migrate(OLD)
    config = parse(migrated.toml)
    assert config.database.url == 'mariadb+pymysql://fenix:pa"ss@192.0.2.5/fenix'
    assert config.oslo.transport_url == "rabbit://openstack:s3%cret@192.0.2.5:5672/"
    assert config.server.rest_listen == "127.0.0.1:12347"
    assert config.public_url == "http://192.0.2.7:12347"
    assert config.cloud.kind == "openstack"
    assert (config.cloud.options["cloud"], config.aodh.cloud) == ("fenix", "fenix")
    policy = config.policy()
    assert (policy.reply_s, policy.scale_reply_s) == (30, 90)
    assert (policy.move_s, policy.move_attempts) == (600, 5)
    entry = yaml.safe_load(migrated.clouds_yaml)["clouds"]["fenix"]["auth"]
    assert entry["password"] == 's3"cret'
    assert entry["auth_url"] == "http://192.0.2.5/identity/v3"


def test_everything_else_is_said() -> None:
    notes = "\n".join(migrate(OLD).notes)
    for option in ("api_config", "local_cache_dir", "rpc_topic", "wait_project_reply"):
        assert option in notes
    assert "[keystone_authtoken]" in notes
    assert "empty database" in notes
    assert "192.0.2.7:12347" in notes


def test_credentials_of_the_first_releases() -> None:
    old = "[DEFAULT]\nworkflow_user = admin\nworkflow_password = secret\nworkflow_project = admin\n"
    migrated = migrate(old)
    entry = yaml.safe_load(migrated.clouds_yaml)["clouds"]["fenix"]["auth"]
    assert (entry["username"], entry["project_name"]) == ("admin", "admin")
    assert any("OS_AUTH_URL" in note for note in migrated.notes)


def test_defaults_are_those_of_the_old_code() -> None:
    migrated = migrate("")
    config = parse(migrated.toml)
    assert config.server.rest_listen == "127.0.0.1:5000"
    assert config.database.url == "sqlite:///fenix.sqlite"
    assert {note.partition(":")[0] for note in migrated.notes} >= {
        "oslo.transport_url",
        "clouds.yaml",
    }


@pytest.mark.parametrize(
    ("old", "problem"),
    [
        ("no section", "fenix.conf"),
        ("[DEFAULT]\nport = many", r"\[DEFAULT\] port: 'many' is not a number"),
        ("[DEFAULT]\nproject_maintenance_reply = -1", "timers.reply_s"),
    ],
)
def test_what_nobody_can_mean_is_refused(old: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        migrate(old)


def test_the_command(tmp_path: Path) -> None:
    old, clouds = tmp_path / "fenix.conf", tmp_path / "clouds.yaml"
    old.write_text(OLD)
    done = CliRunner().invoke(app, ["config", "import", str(old), "--clouds", str(clouds)])
    assert done.exit_code == 0, done.output
    assert parse(done.stdout).timers.reply_s == 30
    assert "note: [engine] rpc_topic" in done.stderr
    assert stat.S_IMODE(clouds.stat().st_mode) == 0o600
    missing = CliRunner().invoke(app, ["config", "import", str(tmp_path / "none")])
    assert missing.exit_code == 2
