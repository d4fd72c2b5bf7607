"""Packages are fetched, checked, unpacked and kept; what lies is refused with the reason and leaves nothing behind."""

from __future__ import annotations

import gzip
import tarfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fenix_grpc.core.errors import InvalidRequest, PackageRefused, PackageUnavailable
from fenix_grpc.core.model import Package
from fenix_grpc.outbound import Reach
from fenix_grpc.packages import Depot
from fenix_grpc.packages.signature import load_keys
from tests.packages.shop import Shop, a_file, a_link, a_zip, a_zip_link, digest, left, tar, zeros

Open = Callable[..., Depot]


def a_package(url: str) -> Package:
    where, _, found = url.partition("#sha256=")
    return Package(url=where, sha256=found)


async def fetch(depot: Depot, *urls: str, session_id: str = "s1") -> str:
    packages = [a_package(url) for url in urls]
    depot.check(packages)
    fetched = {n: (await depot.fetch(session_id, packages, n)).sha256 for n in range(len(urls))}
    return await depot.directory(session_id, packages, fetched)


GOOD = tar(
    a_file("./bin/upgrade.sh", b"#!/bin/sh\n", 0o755), a_file("workflow/actions.py", b"raise")
)


@pytest.mark.parametrize("pack", ["gz", "bz2", ""])
async def test_a_package_is_fetched_once_and_keeps_its_tree(
    shop: Shop, open_depot: Open, pack: str
):
    content = tar(a_file("a/b/one", b"1", 0o755), a_file("two", b"22"), pack=pack)
    depot = open_depot()
    url = shop.put("/SW1.tar" + (f".{pack}" if pack else ""), content)
    home = await fetch(depot, url)
    assert (Path(home) / "SW1/a/b/one").read_bytes() == b"1"
    assert (Path(home) / "SW1/a/b/one").stat().st_mode & 0o777 == 0o755
    assert (Path(home) / "SW1/two").stat().st_mode & 0o777 == 0o644
    assert len(shop.asked) == 1
    await fetch(depot, url)
    assert len(shop.asked) == 1
    await depot.remove("s1")
    assert not left(home)
    await depot.remove("s1")


async def test_zips_and_plain_files_come_as_well(shop: Shop, open_depot: Open):
    archive = shop.put("/tools.zip", a_zip(("x/y", b"in zip")))
    home = await fetch(open_depot(), archive, shop.put("/firmware-1.2.bin", b"\0\1\2"))
    assert (Path(home) / "tools/x/y").read_bytes() == b"in zip"
    assert (Path(home) / "firmware-1.2.bin").read_bytes() == b"\0\1\2"


async def test_another_server_fetches_what_it_has_not_and_takes_nothing_else(
    shop: Shop, open_depot: Open
):
    one, other = open_depot("one"), open_depot("other", allow_unverified=True)
    shop.put("/SW1.tgz", GOOD)
    packages = [Package(url=f"{shop.url}/SW1.tgz")]
    found = {0: digest(GOOD)}
    home = await other.directory("s1", packages, found)
    assert (Path(home) / "SW1/bin/upgrade.sh").exists()
    shop.put("/SW1.tgz", tar(a_file("bin/upgrade.sh", b"something else")))
    with pytest.raises(PackageRefused, match=f"not {digest(GOOD)}"):
        await one.directory("s1", packages, found)
    assert await other.directory("s1", packages, found) == home, "this one has its copy"


async def test_what_was_left_half_made_is_made_anew(shop: Shop, open_depot: Open):
    depot, url = open_depot(), shop.put("/SW1.tgz", GOOD)
    home = Path(await fetch(depot, url))
    (home / ".SW1").unlink()
    (home / "SW1/bin/upgrade.sh").unlink()
    await fetch(depot, url)
    assert (home / "SW1/bin/upgrade.sh").exists()


ZEROS = zeros(10 << 30)
PAX = tarfile.TarInfo("PaxHeader")
PAX.type, PAX.size = tarfile.XHDTYPE, 8 << 30


LIES = {
    "a path that leads out of it": ("tgz", tar(a_file("a/../../evil"))),
    "an absolute path": ("tgz", tar(a_file("/etc/cron.d/evil"))),
    "which is a link": ("tgz", tar(a_link("etc", "/etc"), a_file("etc/evil"))),
    "hard link: which is a link": ("tgz", tar(a_link("p", "/etc/passwd", tarfile.LNKTYPE))),
    "which is no plain file": ("tgz", tar(a_link("disk", "", tarfile.CHRTYPE))),
    "unpacks to more than 1048576 bytes": ("tgz", ZEROS),
    "holds a header of": ("tgz", gzip.compress(PAX.tobuf(tarfile.GNU_FORMAT) + bytes(4096))),
    "holds more than 50 files": ("tgz", tar(*(a_file(f"f{n}") for n in range(51)))),
    "cannot be unpacked": ("tgz", b"this is no archive"),
    "cut off: cannot be unpacked": ("tgz", GOOD[:-30]),
    "zip: a path that leads out of it": ("zip", a_zip(("../evil", b"x"))),
    "zip: an absolute path": ("zip", a_zip(("/evil", b"x"))),
    "zip: which is a link": ("zip", a_zip(a_zip_link("etc", "/etc"))),
    "zip: unpacks to more than 1048576 bytes": ("zip", a_zip(("zeros", bytes(2 << 20)))),
    "zip: holds more than 50 files": ("zip", a_zip(*((f"f{n}", b"") for n in range(51)))),
    "zip: is no zip archive": ("zip", b"PK"),
    "a file twice: cannot be unpacked": ("tgz", tar(a_file("a"), a_file("a"))),
    "a file that is a directory: cannot be unpacked": ("tgz", tar(a_file("a"), a_file("a/b"))),
}


@pytest.mark.parametrize("lie", LIES)
async def test_archives_that_lie_are_refused(
    shop: Shop, open_depot: Open, tmp_path: Path, lie: str
):
    kind, content = LIES[lie]
    depot = open_depot(most_bytes=64 << 20)
    with pytest.raises(PackageRefused, match=lie.rpartition(": ")[2]):
        await fetch(depot, shop.put(f"/SW1.{kind}", content))
    assert left(tmp_path) == set()


async def test_another_digest_is_refused(shop: Shop, open_depot: Open, tmp_path: Path):
    shop.put("/SW1.tgz", GOOD)
    with pytest.raises(PackageRefused, match=f"its SHA-256 is {digest(GOOD)}, not {'0' * 64}"):
        await fetch(open_depot(), f"{shop.url}/SW1.tgz#sha256={'0' * 64}")
    assert left(tmp_path) == set()


async def test_a_stream_without_end_is_refused(shop: Shop, open_depot: Open, tmp_path: Path):
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(1 << 16))
        except OSError:
            return

    shop.offers["/SW1.tgz"] = endless
    with pytest.raises(PackageRefused, match="is larger than 1048576 bytes"):
        await fetch(open_depot(), f"{shop.url}/SW1.tgz#sha256={'0' * 64}")
    assert left(tmp_path) == set()


async def test_a_stream_that_drips_is_refused_in_time(shop: Shop, open_depot: Open):
    told = threading.Event()

    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        told.wait(10)

    shop.offers["/SW1.tgz"] = dripping
    with pytest.raises(PackageRefused, match="has not come within 0 s"):
        await fetch(open_depot(fetch_s=0.4), f"{shop.url}/SW1.tgz#sha256={'0' * 64}")
    told.set()


async def test_what_announces_too_much_is_not_read_at_all(shop: Shop, open_depot: Open):
    with pytest.raises(PackageRefused, match="is larger than 1048576 bytes"):
        await fetch(open_depot(), shop.put("/big.bin", bytes(2 << 20)))


def answers(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize(
    ("code", "error"), [(404, PackageRefused), (403, PackageRefused), (503, PackageUnavailable)]
)
async def test_what_a_server_answers_is_said(shop: Shop, open_depot: Open, code, error):
    shop.offers["/SW1.tgz"] = answers(code)
    with pytest.raises(error, match=f"its server answers {code}"):
        await fetch(open_depot(), f"{shop.url}/SW1.tgz#sha256={'0' * 64}")


async def test_a_server_that_is_not_there_may_come_back(
    shop: Shop, open_depot: Open, unused_tcp_port
):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    depot = open_depot(
        reach=Reach(allowed_urls=(url,), networks=open_depot()._rules.reach.networks)
    )
    with pytest.raises(PackageUnavailable, match="cannot be fetched now"):
        await fetch(depot, f"{url}/SW1.tgz#sha256={'0' * 64}")


async def test_redirects_are_followed_only_where_one_may_go(shop: Shop, open_depot: Open):
    good = shop.put("/real/SW1.tgz", GOOD)
    shop.offers["/SW1.tgz"] = answers(302, Location="/real/SW1.tgz")
    await fetch(open_depot(), f"{shop.url}/SW1.tgz#{good.partition('#')[2]}")
    shop.offers["/SW2.tgz"] = answers(302, Location="http://169.254.169.254/latest/meta-data/")
    with pytest.raises(PackageRefused, match=r"169.254.169.254.*not among the allowed URLs"):
        await fetch(open_depot(), f"{shop.url}/SW2.tgz#sha256={'0' * 64}")
    shop.offers["/SW3.tgz"] = answers(302, Location="/SW3.tgz")
    with pytest.raises(PackageRefused, match="redirects"):
        await fetch(open_depot(), f"{shop.url}/SW3.tgz#sha256={'0' * 64}")


async def test_names_that_lead_inside_are_refused(shop: Shop, open_depot: Open):
    depot = open_depot(reach=Reach(allowed_urls=("http://localhost:1/", shop.url)))
    for url in ("http://localhost:1/SW1.tgz", f"{shop.url}/SW1.tgz"):
        with pytest.raises(PackageRefused, match="which is not public"):
            await fetch(depot, f"{url}#sha256={'0' * 64}")
    assert not shop.asked


@pytest.fixture
def key(tmp_path: Path) -> tuple[Ed25519PrivateKey, str]:
    made, file = Ed25519PrivateKey.generate(), tmp_path / "key.pem"
    public = made.public_key()
    file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return made, str(file)


async def test_a_signature_does_instead_of_a_digest(shop: Shop, open_depot: Open, key):
    private, public = key
    depot = open_depot(keys=load_keys([public]))
    shop.put("/SW1.tgz", GOOD)
    url = f"{shop.url}/SW1.tgz"
    with pytest.raises(
        PackageRefused, match=r"is not signed: .*SW1.tgz.sig its server answers 404"
    ):
        await fetch(depot, url)
    shop.put("/SW1.tgz.sig", Ed25519PrivateKey.generate().sign(GOOD))
    with pytest.raises(PackageRefused, match="by none of the keys"):
        await fetch(depot, url)
    shop.put("/SW1.tgz.sig", b"short")
    with pytest.raises(PackageRefused, match="not one of Ed25519"):
        await fetch(depot, url)
    shop.put("/SW1.tgz.sig", private.sign(GOOD))
    assert (Path(await fetch(depot, url)) / "SW1/bin/upgrade.sh").exists()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://elsewhere.example/SW1.tgz", "not among the allowed"),
        ("file:///etc/passwd", "https"),
        ("http://127.0.0.1:9/ok/../no/SW1.tgz", "not among the allowed"),
        ("http://127.0.0.1:9/ok/%2e%2e/no/SW1.tgz", "not among the allowed"),
        ("http://127.0.0.1:9/okay/SW1.tgz", "not among the allowed"),
        ("http://127.0.0.1:9@evil/ok/SW1.tgz", "user or password"),
        ("http://127.0.0.1:9/ok/", "no plain file name"),
        ("http://127.0.0.1:9/ok/.hidden", "no plain file name"),
        ("http://127.0.0.1:9/ok/SW1.tgz", "is required"),
        ("http://127.0.0.1:9/ok/SW1.tgz#sha256=12", "64 hexadecimal digits"),
    ],
)
def test_what_can_be_refused_at_once_is(open_depot: Open, url: str, problem: str):
    depot = open_depot(reach=Reach(allowed_urls=("http://127.0.0.1:9/ok",)))
    with pytest.raises(InvalidRequest, match=problem):
        depot.check([a_package(url)])


def test_two_of_one_name_are_refused(shop: Shop, open_depot: Open):
    one, other = shop.put("/a/SW1.tgz", GOOD), shop.put("/b/SW1.zip", GOOD)
    with pytest.raises(InvalidRequest, match="like another one"):
        open_depot().check([a_package(one), a_package(other)])
