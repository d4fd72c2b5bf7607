#!/usr/bin/env python3
"""A sample VNFM that needs nothing but Python: it hears and answers fenix through the v1 REST API.

usage: rest_vnfm.py PROJECT [--url http://127.0.0.1:12347] [--token TOKEN] [--ca FILE]
           [--action MIGRATE] [--hook COMMAND]

It listens to GET /v1/projects/PROJECT:watch (a line of JSON per message), reads the instances concerned from
GET /v1/maintenance/SESSION/PROJECT, and replies with PUT to the same address. The hook is a command that scales the
application in (SCALE_IN) and out again (MAINTENANCE_COMPLETE): it is run before the reply to these two, with the notice
as JSON on its standard input. When it fails, the reply is a NACK.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

#: Notices that want a reply; the others only tell.
ASKING = {
    "MAINTENANCE",
    "SCALE_IN",
    "PREPARE_MAINTENANCE",
    "PLANNED_MAINTENANCE",
    "MAINTENANCE_COMPLETE",
}
#: Notices that ask for a change of the application itself.
SCALING = {"SCALE_IN", "MAINTENANCE_COMPLETE"}
#: gRPC codes that say that a token is too old or not this server's: OUT_OF_RANGE, INVALID_ARGUMENT.
UNKNOWN_TOKEN = {3, 11}
#: fenix sends a line from time to time even when nothing happens: silence this long is a broken connection.
SILENCE_S = 90
LONGEST_WAIT_S = 15.0


class RestVnfm:
    """Answers for one project, one notice after the other."""

    def __init__(
        self,
        url: str,
        project: str,
        token: str = "",
        action: str = "MIGRATE",
        hook: str = "",
        ca: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.project = project
        self.token = token
        self.action = action
        self.hook = shlex.split(hook)
        self.tls = ssl.create_default_context(cafile=ca)
        #: The token of the last message that was dealt with.
        self.after = ""

    def run(self) -> None:
        """Listens for ever; after a break it goes on from the last token."""
        wait_s = 0.5
        while True:
            try:
                for message in self.messages():
                    wait_s = 0.5
                    for notice in message.get("notices", []):
                        self.handle(notice)
                    self.after = message.get("token", self.after)
            except urllib.error.HTTPError as error:
                if error.code in (401, 403):
                    raise SystemExit(f"not allowed: {error.read().decode()}") from error
                self.forget_token(error.code in (400, 422))
                print(f"! {error}", flush=True)
            except (OSError, ValueError, http.client.HTTPException) as error:
                print(f"! {error}", flush=True)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def messages(self) -> Iterator[dict[str, Any]]:
        """What fenix sends, message by message."""
        query = urllib.parse.urlencode({"after": self.after}) if self.after else ""
        path = f"/v1/projects/{urllib.parse.quote(self.project)}:watch?{query}".rstrip("?")
        headers = {"Accept": "application/x-ndjson"}
        with self.open("GET", path, headers=headers, timeout=SILENCE_S) as response:
            print(f"listening for project {self.project}", flush=True)
            for line in response:
                message = json.loads(line) if line.strip() else {}
                if "error" in message:
                    self.forget_token(message["error"].get("code") in UNKNOWN_TOKEN)
                    raise OSError(message["error"].get("message", "the server ended the stream"))
                yield message.get("result", {})

    def forget_token(self, unknown: bool) -> None:
        """Begins with the open notices again when the server cannot resume from the token."""
        if unknown:
            self.after = ""

    def handle(self, notice: Mapping[str, Any]) -> None:
        """Does what a notice asks for and replies."""
        kind = notice["kind"].removeprefix("NOTICE_KIND_")
        print(f"{kind}  session {notice['sessionId'][:8]}  {notice.get('reason', '')}", flush=True)
        if kind not in ASKING:
            return
        done = kind not in SCALING or self.run_hook(notice)
        reply: dict[str, Any] = {"state": f"{'ACK' if done else 'NACK'}_{kind}"}
        path = f"/v1/maintenance/{notice['sessionId']}/{urllib.parse.quote(self.project)}"
        try:
            if done and notice.get("allowedActions"):
                instance_ids = self.call("GET", path)["instance_ids"]
                reply["instance_actions"] = dict.fromkeys(instance_ids, self.action)
            self.call("PUT", path, reply)
            print(f"  -> {json.dumps(reply)}", flush=True)
        except urllib.error.HTTPError as error:  # the session went on or is gone
            print(f"! {error}: {error.read().decode()}", flush=True)

    def run_hook(self, notice: Mapping[str, Any]) -> bool:
        """True when the hook did what the notice asks for, or there is none."""
        if not self.hook:
            return True
        return subprocess.run(self.hook, input=json.dumps(notice), text=True).returncode == 0

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The response of a call as JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        with self.open(method, path, data, headers) as response:
            return json.load(response)

    def open(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> http.client.HTTPResponse:
        """An open response; HTTPError for everything but success."""
        request = urllib.request.Request(self.url + path, data, dict(headers or {}), method=method)
        if self.token:
            request.add_header("X-Auth-Token", self.token)
        response: http.client.HTTPResponse = urllib.request.urlopen(
            request, timeout=timeout, context=self.tls
        )
        return response


def main() -> None:
    """Reads the command line and listens."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("project")
    parser.add_argument("--url", default="http://127.0.0.1:12347")
    parser.add_argument("--token", default=os.environ.get("FENIX_TOKEN", ""))
    parser.add_argument("--ca", help="file with the certificates to trust, for https")
    parser.add_argument("--action", default="MIGRATE", choices=["MIGRATE", "LIVE_MIGRATE"])
    parser.add_argument("--hook", default="", metavar="COMMAND")
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        RestVnfm(args.url, args.project, args.token, args.action, args.hook, args.ca).run()


if __name__ == "__main__":
    main()
