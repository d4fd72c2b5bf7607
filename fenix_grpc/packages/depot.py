"""The packages of the sessions that this server carries, each in a directory of its session.

A package is there when its mark is: a file beside it with the digest of what it was made from, written last. So a copy
that was left half made is made anew, and a server that takes a session over fetches what it has not, by the digest that
the journal has by then.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fenix_grpc.core.errors import InvalidRequest, PackageRefused
from fenix_grpc.core.model import Package
from fenix_grpc.outbound import Forbidden, Reach, reach
from fenix_grpc.packages.download import download
from fenix_grpc.packages.manifest import plugin_of
from fenix_grpc.packages.signature import SIGNATURE_BYTES, Key, check_signature, load_keys
from fenix_grpc.packages.unpack import Limits, unpack
from fenix_grpc.ports import Fetched

_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is accepted."""

    reach: Reach
    keys: tuple[Key, ...] = ()
    #: Takes packages that have neither a digest nor a signature.
    allow_unverified: bool = False
    #: Takes packages that bring plug-ins.
    plugins: bool = False
    most_bytes: int = 1024 * _MB
    limits: Limits = Limits(most_bytes=4096 * _MB, most_files=100_000)
    fetch_s: float = 600.0


def rules(
    *,
    allowed_urls: tuple[str, ...],
    private_networks: tuple[str, ...],
    ca_file: str,
    keys: tuple[str, ...],
    allow_unverified: bool,
    plugins: bool,
    max_mb: int,
    max_unpacked_mb: int,
    max_files: int,
    fetch_s: float,
) -> Rules:
    """As configured in [packages]. Raises InvalidRequest."""
    return Rules(
        reach=reach("packages", allowed_urls, private_networks, ca_file),
        keys=load_keys(keys),
        allow_unverified=allow_unverified,
        plugins=plugins,
        most_bytes=max_mb * _MB,
        limits=Limits(most_bytes=max_unpacked_mb * _MB, most_files=max_files),
        fetch_s=fetch_s,
    )


class Depot:
    """Packages in a directory of this server."""

    def __init__(self, directory: Path, rules: Rules) -> None:
        self._root = directory
        self._rules = rules

    def check(self, packages: Sequence[Package]) -> None:
        """Raises InvalidRequest for what is refused without being looked at."""
        names: set[str] = set()
        for number, package in enumerate(packages):
            field = f"packages[{number}]"
            try:
                self._rules.reach.check(package.url)
            except Forbidden as err:
                raise InvalidRequest(f"{field}.url", str(err)) from err
            name = package.name
            if not _NAME.fullmatch(name):
                raise InvalidRequest(
                    f"{field}.url", f"ends with {name!r}, which is no plain file name"
                )
            if name in names:
                raise InvalidRequest(f"{field}.url", f"ends with {name}, like another one")
            names.add(name)
            if package.sha256 and not _DIGEST.fullmatch(package.sha256):
                raise InvalidRequest(f"{field}.sha256", "must be 64 hexadecimal digits")
            if package.plugins and not (self._rules.plugins and self._rules.keys):
                raise InvalidRequest(
                    "actions",
                    f"{name}/{package.plugins[0]} comes with a package, which this server does not allow "
                    "([packages] plugins and keys)",
                )
            if not (package.sha256 or self._rules.keys or self._rules.allow_unverified):
                raise InvalidRequest(
                    f"{field}.sha256",
                    "is required: append #sha256=DIGEST to the URL (no keys for signatures are configured here)",
                )

    async def fetch(
        self, session_id: str, packages: Sequence[Package], number: int, sha256: str = ""
    ) -> Fetched:
        """See `ports.Packages`."""
        package = packages[number]
        name, home = package.name, self._home(session_id)
        here = _read(home / f".{name}")
        wanted = sha256 or package.sha256
        if here and (not wanted or here == wanted):
            return Fetched(sha256=here, detail="is here already")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".part-", dir=home))
        try:
            return await self._bring(package, name, home, work, sha256)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _bring(
        self, package: Package, name: str, home: Path, work: Path, known: str
    ) -> Fetched:
        chosen, file = self._rules, work / "package"
        found = await download(
            chosen.reach, package.url, file, most_bytes=chosen.most_bytes, seconds=chosen.fetch_s
        )
        wanted = known or package.sha256
        if wanted and found != wanted:
            raise PackageRefused(f"its SHA-256 is {found}, not {wanted}")
        if package.plugins or not (wanted or chosen.allow_unverified):
            await self._check_signature(package, file, work / "signature")
        said = await asyncio.to_thread(self._place, package, name, file, home, work, found)
        return Fetched(sha256=found, detail=said)

    async def _check_signature(self, package: Package, file: Path, signature: Path) -> None:
        try:
            await download(
                self._rules.reach,
                f"{package.url}.sig",
                signature,
                most_bytes=SIGNATURE_BYTES + 1,
                seconds=self._rules.fetch_s,
            )
        except PackageRefused as err:
            raise PackageRefused(f"is not signed: {package.url}.sig {err}") from err
        await asyncio.to_thread(check_signature, file, signature, self._rules.keys)

    def _place(
        self, package: Package, name: str, file: Path, home: Path, work: Path, sha256: str
    ) -> str:
        """Unpacks it and puts it where it belongs, its mark last."""
        size, made = file.stat().st_size, work / "made"
        said = f"{size} bytes"
        if package.ending:
            files = unpack(file, package.ending, made, self._rules.limits)
            said = f"{size} bytes, {files} files"
            for plugin in package.plugins:
                plugin_of(made, plugin)
        elif package.plugins:
            raise PackageRefused("is no archive, so it brings no plug-ins")
        else:
            file.rename(made)
            made.chmod(0o644)
        mark, there = home / f".{name}", home / name
        mark.unlink(missing_ok=True)
        _remove(there)
        made.rename(there)
        new = work / "mark"
        new.write_text(sha256)
        os.replace(new, mark)
        return said

    async def directory(
        self, session_id: str, packages: Sequence[Package], fetched: Mapping[int, str]
    ) -> str:
        """See `ports.Packages`."""
        if not packages:
            return ""
        for number in range(len(packages)):
            await self.fetch(session_id, packages, number, fetched.get(number, ""))
        return str(self._home(session_id))

    async def remove(self, session_id: str) -> None:
        """Everything of a session; nothing there is fine."""
        home = self._home(session_id)
        if home.is_dir():
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)

    def _home(self, session_id: str) -> Path:
        return self._root / session_id


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _remove(there: Path) -> None:
    if there.is_dir():
        shutil.rmtree(there)
    else:
        there.unlink(missing_ok=True)
