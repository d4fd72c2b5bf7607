"""A v1 client: documented paths, verbs and bodies only, and what it takes for success."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.service import until

Json = Any
ENDS = ("MAINTENANCE_DONE", "MAINTENANCE_FAILED")


class V1:
    """Speaks to one door in one of both slash forms."""

    def __init__(self, http: httpx.AsyncClient, slash: str = "") -> None:
        self._http = http
        self._slash = slash

    async def call(self, verb: str, *path: str, body: Json = None) -> httpx.Response:
        """`path` are the segments after /v1/maintenance."""
        url = "/".join(("/v1/maintenance", *path)) + self._slash
        return await self._http.request(verb, url, json=body)

    async def ok(self, verb: str, *path: str, body: Json = None) -> Json:
        """The body of a success, which clients in the field know by 200 alone."""
        response = await self.call(verb, *path, body=body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()

    async def refused(self, status: int, verb: str, *path: str, body: Json = None) -> str:
        """The text of an error with this status."""
        response = await self.call(verb, *path, body=body)
        assert response.status_code == status, response.text
        said = response.json()
        assert said["status"] == status
        error: str = said["error"]
        return error

    async def create(self, body: Json) -> str:
        """The id of a new session."""
        created = await self.ok("POST", body=body)
        assert created.keys() == {"session_id"}
        session_id: str = created["session_id"]
        assert len(session_id) == 36
        return session_id

    async def asked(self, session_id: str, project_id: str) -> Json:
        """What a project is asked, as soon as it is asked something that it has not answered; None at the end."""

        async def look() -> Json:
            state = (await self.ok("GET", session_id))["state"]
            response = await self.call("GET", session_id, project_id)
            if response.status_code == 404 and state == "MAINTENANCE":
                return {}  # not looked at the cloud yet: nobody is known to be affected
            assert response.status_code == 200, response.text
            return {**response.json(), "ended": state in ENDS}

        def is_open(found: Json) -> bool:
            return bool(found) and (found["ended"] or (found["notice"] and not found["answer"]))

        found = await until(look, is_open)
        return None if found["ended"] else found
