#!/usr/bin/env python3
"""A sample VNFM that needs nothing but Python: it is told by alarms (or webhooks) and answers through the v1 REST API.

usage: alarm_vnfm.py [--port 12349] [--token COMMAND] [--action MIGRATE] [--hook COMMAND] [--secret SECRET]

It listens to POST /maintenance, which an alarm of the project on maintenance.scheduled calls (`openstack alarm create
--type event --event-type maintenance.scheduled --repeat-actions True --alarm-action http://HERE:12349/maintenance`).
The token command prints a token of the project: `openstack token issue -f value -c id`. The hook scales the application
in (SCALE_IN) and out again (MAINTENANCE_COMPLETE): it is run with that word behind it, before the reply, and when it
fails the reply is a NACK. Everything is done before the alarm is answered.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
LARGEST = 1 << 20


class AlarmVnfm:
    """Answers for one project."""

    def __init__(self, action: str = "MIGRATE", token: str = "", hook: str = "") -> None:
        self.action = action
        self.token = shlex.split(token)
        self.hook = shlex.split(hook)
        #: What was dealt with: a notice may come twice.
        self.seen: set[str] = set()

    def handle(self, event: Mapping[str, Any]) -> None:
        """Does what a notice asks for and replies."""
        if event["message_id"] in self.seen:
            return
        self.seen.add(event["message_id"])
        traits = {name: value for name, _, value in event["traits"]}
        state = traits["state"]
        print(f"{state}  session {traits['session_id'][:8]}", flush=True)
        if state not in ASKING:
            return
        done = state not in SCALING or self.run_hook(state)
        reply: dict[str, Any] = {"state": f"{'ACK' if done else 'NACK'}_{state}"}
        if done and json.loads(traits["allowed_actions"]):
            ids = self.instance_ids(traits["instance_ids"])
            reply["instance_actions"] = dict.fromkeys(ids, self.action)
        try:
            self.call("PUT", traits["reply_url"], reply)
            print(f"  -> {json.dumps(reply)}", flush=True)
        except urllib.error.HTTPError as error:  # the session went on or is gone
            print(f"! {error}: {error.read().decode()}", flush=True)

    def instance_ids(self, said: str) -> list[str]:
        """The list itself, or what is at the URL."""
        ids = json.loads(said) if said.startswith("[") else self.call("GET", said)["instance_ids"]
        return list(ids)

    def run_hook(self, state: str) -> bool:
        """True when the hook did what the notice asks for, or there is none."""
        return not self.hook or subprocess.run([*self.hook, state]).returncode == 0

    def call(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        """The response of a call as JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            issued = subprocess.run(self.token, check=True, capture_output=True, text=True)
            headers["X-Auth-Token"] = issued.stdout.strip()
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


def listener(vnfm: AlarmVnfm, port: int, secret: str = "") -> ThreadingHTTPServer:
    """An HTTP server for its alarms. With a secret it takes only what fenix has signed with it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST))
            if secret and not is_signed(self.headers, body, secret):
                self.send_response(403)
            else:
                vnfm.handle(json.loads(body)["reason_data"]["event"])
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """What was heard is printed above."""

    return ThreadingHTTPServer(("", port), Handler)


def is_signed(headers: Message[str, str], body: bytes, secret: str) -> bool:
    """See docs/integrate-openstack.md."""
    signed = headers.get("X-Fenix-Timestamp", "").encode() + b"." + body
    expected = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("X-Fenix-Signature", ""))


def main() -> None:
    """Reads the command line and listens."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=12349)
    parser.add_argument("--token", default="", metavar="COMMAND")
    parser.add_argument("--action", default="MIGRATE", choices=["MIGRATE", "LIVE_MIGRATE"])
    parser.add_argument("--hook", default="", metavar="COMMAND")
    parser.add_argument("--secret", default="")
    args = parser.parse_args()
    vnfm = AlarmVnfm(args.action, args.token, args.hook)
    with listener(vnfm, args.port, args.secret) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"listening on port {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
