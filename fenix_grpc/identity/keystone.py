"""Callers by the tokens of OpenStack: Keystone is asked whose a token is, and its answer is believed for a short time.

The library blocks, so it is called in a few threads. Whoever comes with the same token while Keystone is asked about
it waits for the same answer. When Keystone does not answer, nobody is told that the token is wrong: known callers get
in until their answer is old, all others hear UNAVAILABLE.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import openstack.config
import requests
from keystoneauth1 import exceptions as auth_errors
from keystoneauth1.adapter import Adapter
from openstack import exceptions as sdk_errors

from fenix_grpc.access import Keystone
from fenix_grpc.core.errors import IdentityUnavailable, InvalidRequest, NotAuthenticated
from fenix_grpc.ports import Caller, Clock, Role

logger = logging.getLogger(__name__)

#: Answers that are kept, of each kind; the oldest goes first.
_MOST_KEPT = 10_000
#: Tokens that may be in question at a time.
_MOST_ASKED = 256
_LIBRARY_ERRORS = (
    auth_errors.ClientException,
    sdk_errors.SDKException,
    requests.RequestException,
)

#: Asks Keystone whose a token is: the answer's `token`, or None when it knows no such token. Blocks. Raises
#: IdentityUnavailable.
Ask = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What Keystone said of a token."""

    #: None for a token that it does not know.
    caller: Caller | None
    #: When it must be asked again.
    until: datetime


class KeystoneTokens:
    """Callers by token. Made by `open_keystone`; closed by whoever made it."""

    def __init__(self, ask: Ask, options: Keystone, clock: Clock) -> None:
        self._ask = ask
        self._options = options
        self._clock = clock
        self._threads = ThreadPoolExecutor(options.concurrency, thread_name_prefix="keystone")
        #: By digest of the token, so that no token stays in memory. Those that are refused have a place of their own: a
        #: flood of them must not drive out the others.
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._refused: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Future[_Known]] = {}

    async def caller_of(self, token: str) -> Caller | None:
        """The caller; None for a token that Keystone does not know. Raises NotAuthenticated for one that has expired,
        and IdentityUnavailable."""
        key = hashlib.sha256(token.encode()).hexdigest()
        known = self._kept(key) or await self._asked(key, token)
        caller = known.caller
        if caller and caller.until and caller.until <= self._clock.now():
            raise NotAuthenticated(f"the token of {caller.name} has expired")
        return caller

    async def aclose(self) -> None:
        """Waits for the questions that run."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _kept(self, key: str) -> _Known | None:
        for kept in (self._known, self._refused):
            known = kept.get(key)
            if known and known.until > self._clock.now():
                return known
        return None

    async def _asked(self, key: str, token: str) -> _Known:
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= _MOST_ASKED:
                raise IdentityUnavailable("too many tokens are in question: try again")
            loop = asyncio.get_running_loop()
            asking = loop.run_in_executor(self._threads, self._answer, token)
            self._asking[key] = asking
            asking.add_done_callback(lambda done: self._keep(key, done))
        try:
            async with asyncio.timeout(2 * self._options.timeout_s):
                return await asyncio.shield(asking)
        except TimeoutError:
            raise IdentityUnavailable("Keystone does not answer in time: try again") from None

    def _answer(self, token: str) -> _Known:
        said, now = self._ask(token), self._clock.now()
        caller = None if said is None else caller_of(said, self._options)
        seconds = self._options.refused_s if caller is None else self._options.cache_s
        return _Known(caller=caller, until=now + timedelta(seconds=seconds))

    def _keep(self, key: str, done: asyncio.Future[_Known]) -> None:
        del self._asking[key]
        if done.cancelled() or done.exception() is not None:
            return
        kept = self._known if done.result().caller else self._refused
        self._known.pop(key, None)
        kept[key] = done.result()
        if len(kept) > _MOST_KEPT:
            kept.popitem(last=False)


def open_keystone(options: Keystone, clock: Clock) -> KeystoneTokens:
    """Callers of the cloud whose Keystone clouds.yaml names, with fenix's own credentials. Raises InvalidRequest."""
    try:
        region = openstack.config.get_cloud_region(cloud=options.cloud or None)
        session = region.get_session()
    except (sdk_errors.SDKException, auth_errors.ClientException) as err:
        raise InvalidRequest("auth.keystone.cloud", f"{err}; check clouds.yaml") from err
    session.timeout = options.timeout_s
    adapter = Adapter(
        session,
        service_type="identity",
        interface=region.get_interface("identity"),
        region_name=region.get_region_name("identity"),
        min_version="3",
        max_version="3.latest",
    )
    return KeystoneTokens(lambda token: _ask(adapter, token), options, clock)


def caller_of(token: Mapping[str, Any], options: Keystone) -> Caller:
    """The caller whom Keystone describes (identity API: GET /v3/auth/tokens). Its roles may be none."""
    names = {role["name"].lower() for role in token.get("roles", ())}
    user, project, system = token["user"], token.get("project"), token.get("system")
    roles = set()
    # A token for a domain is for no cloud: nobody administers hosts with it.
    if names & _lower(options.admin_roles) and (project or system):
        roles.add(Role.ADMIN)
    readers = _lower(options.system_reader_roles) if system else _lower(options.reader_roles)
    if names & readers and (project or system):
        roles.add(Role.READER)
    if project and names & _lower(options.project_roles):
        roles.add(Role.PROJECT)
    expires = token.get("expires_at")
    return Caller(
        name=f"{user['name']}@{user['domain']['name']}",
        roles=frozenset(roles),
        project_id=project["id"] if project else "",
        until=datetime.fromisoformat(expires) if expires else None,
    )


def _lower(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}


def _ask(keystone: Adapter, token: str) -> Mapping[str, Any] | None:
    """What Keystone says. Raises IdentityUnavailable."""
    try:
        response = keystone.get("/auth/tokens", headers={"X-Subject-Token": token}, raise_exc=False)
    except _LIBRARY_ERRORS as err:
        # The text names hosts and files of the operator: it is for the log, not for callers.
        logger.error("Keystone cannot be asked whose a token is: %s", err)
        raise IdentityUnavailable("Keystone does not answer: try again") from err
    if response.status_code == 404 and _is_from_keystone(response):
        return None
    try:
        if response.status_code == 200:
            said: Mapping[str, Any] = msgspec.json.decode(response.content)["token"]
            return said
    except (msgspec.DecodeError, KeyError, TypeError) as err:
        logger.error("Keystone answers what cannot be read: %s", err)
        raise IdentityUnavailable("Keystone does not answer: try again") from err
    logger.error(
        "Keystone refuses to tell whose a token is: %s; fenix's own user needs the role admin or service",
        response.status_code,
    )
    raise IdentityUnavailable("Keystone does not tell whose the token is: try again")


def _is_from_keystone(response: requests.Response) -> bool:
    """A 404 of a proxy in front of it says nothing about a token."""
    try:
        return bool(msgspec.json.decode(response.content)["error"]["code"] == 404)
    except (msgspec.DecodeError, KeyError, TypeError):
        return False
