"""`fenix webhook` against a real server that answers as told."""

from __future__ import annotations

from pathlib import Path

from fenix_grpc.v1 import project_service_pb2 as pb
from tests.cli.test_cli_commands import Shell, shell

__all__ = ["shell"]  # the fixture

HOOK = pb.Webhook(webhook_id="w1", project_id="red", url="http://vnfm/hook", signed=True)


async def test_create_sends_the_secret_of_a_file(shell: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sixteen letters!\n")
    shell.fenix.reply("CreateWebhook", pb.CreateWebhookResponse(webhook=HOOK))
    words = ["webhook", "create", "red", "http://vnfm/hook", "--secret-file", str(secret)]
    result = await shell.run(*words, "--request-id", "r1")
    assert result.exit_code == 0, result.output
    assert "w1" in result.output
    assert "sixteen" not in result.output
    assert shell.fenix.requests["CreateWebhook"] == [
        pb.CreateWebhookRequest(
            project_id="red", url="http://vnfm/hook", secret="sixteen letters!", request_id="r1"
        )
    ]
    missing = await shell.run(*words[:-1], str(tmp_path / "none"))
    assert missing.exit_code == 2


async def test_list_and_delete(shell: Shell) -> None:
    shell.fenix.reply("ListWebhooks", pb.ListWebhooksResponse(webhooks=[HOOK]))
    listed = await shell.run("webhook", "list", "red")
    assert "http://vnfm/hook" in listed.output
    shell.fenix.reply("DeleteWebhook", pb.DeleteWebhookResponse())
    deleted = await shell.run("webhook", "delete", "red", "w1")
    assert deleted.output == "webhook w1 deleted\n"
    assert shell.fenix.requests["DeleteWebhook"] == [
        pb.DeleteWebhookRequest(project_id="red", webhook_id="w1")
    ]
