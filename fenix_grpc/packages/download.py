"""Brings the bytes of a URL into a file, so many at most and in so much time, and says what they are."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path

import httpx

from fenix_grpc.core.errors import PackageRefused, PackageUnavailable
from fenix_grpc.outbound import Forbidden, Reach, call

_CHUNK = 1024 * 1024
#: Answers that may be another one a little later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


async def download(may: Reach, url: str, into: Path, *, most_bytes: int, seconds: float) -> str:
    """SHA-256 of what is in the file `into` afterwards, in hexadecimal digits. Raises PackageRefused and
    PackageUnavailable."""
    try:
        async with asyncio.timeout(seconds):
            return await _download(may, url, into, most_bytes)
    except TimeoutError as err:
        raise PackageRefused(f"has not come within {seconds:.0f} s") from err
    except Forbidden as err:
        raise PackageRefused(str(err)) from err
    except (httpx.HTTPError, OSError) as err:
        if _untrusted(err):
            raise PackageRefused(f"its server is not trusted: {err}") from err
        raise PackageUnavailable(f"cannot be fetched now: {err or type(err).__name__}") from err


async def _download(may: Reach, url: str, into: Path, most_bytes: int) -> str:
    async with call(may, "GET", url, follow=True) as response:
        if response.status_code in _PASSING:
            raise PackageUnavailable(f"its server answers {response.status_code}")
        if response.status_code != httpx.codes.OK:
            raise PackageRefused(f"its server answers {response.status_code}")
        digest, left = hashlib.sha256(), most_bytes
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > most_bytes:
            raise _too_large(most_bytes)
        with into.open("xb") as file:
            async for chunk in response.aiter_raw(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _too_large(most_bytes)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
    return digest.hexdigest()


def _too_large(most_bytes: int) -> PackageRefused:
    return PackageRefused(f"is larger than {most_bytes} bytes")


def _untrusted(err: BaseException | None) -> bool:
    """A certificate does not become right by itself."""
    while err is not None:
        if isinstance(err, ssl.SSLCertVerificationError):
            return True
        err = err.__cause__ or err.__context__
    return False
