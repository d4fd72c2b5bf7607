"""A small HTTP server on a thread of its own that offers packages, and does to them what bad servers do."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Shop:
    """What it offers, by path, and what it was asked for."""

    port: int = 0
    offers: dict[str, bytes | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, path: str, content: bytes) -> str:
        """The URL with its digest."""
        self.offers[path] = content
        return f"{self.url}{path}#sha256={digest(content)}"


def left(home: str | Path) -> set[str]:
    """The files below a directory."""
    return {str(p.relative_to(home)) for p in Path(home).rglob("*") if p.is_file()}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def a_shop() -> Iterator[Shop]:
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shop.asked.append(self.path)
            offer = shop.offers.get(self.path)
            if offer is None:
                self.send_error(404)
            elif callable(offer):
                offer(self)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(offer)))
                self.end_headers()
                self.wfile.write(offer)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tar(*members: tuple[tarfile.TarInfo, bytes], pack: str = "gz") -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    pressed = {"gz": gzip.compress, "bz2": bz2.compress, "": bytes}[pack]
    return pressed(raw.getvalue())


def a_file(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    return info, content


def a_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def zeros(count: int) -> bytes:
    """An archive with one file of so many zeros, made without ever holding them: gzip files in a row are one."""
    info = tarfile.TarInfo("zeros")
    info.size = count
    block = 16 << 20
    return b"".join((gzip.compress(info.tobuf()), gzip.compress(bytes(block)) * (count // block)))


def a_zip(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return raw.getvalue()


def a_zip_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr = (0o120777) << 16
    return info, target.encode()
