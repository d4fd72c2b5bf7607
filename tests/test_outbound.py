"""What calls to the outside may reach, as a table."""

from __future__ import annotations

import pytest

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.outbound import Forbidden, Reach, call, reach

RULES = reach(
    "webhooks", ("https://vnfm.example/hooks/", "http://[::1]:8080", "http://10.1.2.3:9890/"), ()
)


@pytest.mark.parametrize(
    "url",
    [
        "https://vnfm.example/hooks",
        "https://vnfm.example/hooks/",
        "https://vnfm.example/hooks/a?b=c",
        "https://VNFM.example:443/hooks/a",
        "http://[::1]:8080/x",
        "http://10.1.2.3:9890/v1.0/vnfs/1/maintenance/2/abc",
    ],
)
def test_what_may_be_named(url: str) -> None:
    assert str(RULES.check(url)) == url.replace("VNFM", "vnfm").replace(":443", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://vnfm.example/hooks/../admin",
        "https://vnfm.example/hooks/%2e%2e/admin",
        "https://vnfm.example/hooks/..\\admin",
        "https://vnfm.example/hooksome",
        "https://vnfm.example:444/hooks/a",
        "http://vnfm.example/hooks/a",
        "https://user:word@vnfm.example/hooks/",
        "https://vnfm.example\\@evil.example/hooks/",
        "http://169.254.169.254/latest",
        "http://127.0.0.1/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://10.2.0.1:9890/",
        "ftp://vnfm.example/hooks/",
        "file:///etc/passwd",
        "gopher://10.1.2.3:9890/",
        "http:///x",
        "http://vnfm.example:99999/",
        "http://vnfm.exämple/",
        "http://vnfm example/",
        "https://vnfm.example/hooks/\n",
        "",
    ],
)
def test_what_may_not(url: str) -> None:
    with pytest.raises(Forbidden):
        RULES.check(url)


def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(Forbidden, match="allowed_urls"):
        Reach().check("http://10.0.0.1/")


def test_a_refusal_tells_neither_secrets_nor_what_else_is_allowed() -> None:
    with pytest.raises(Forbidden) as refused:
        RULES.check("https://elsewhere.example/x?token=secret")
    assert "secret" not in str(refused.value)
    assert "vnfm" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "urls", "networks", "ca_file"),
    [
        ("allowed_urls", ("ftp://vnfm.example/",), (), ""),
        ("private_networks", (), ("10.0.0.0/33",), ""),
        ("ca_file", (), (), "/no/such/file"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named(
    key: str, urls: tuple[str, ...], networks: tuple[str, ...], ca_file: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        reach("webhooks", urls, networks, ca_file)
    assert refused.value.field == f"webhooks.{key}"


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("localhost", Forbidden),
        ("[::ffff:127.0.0.1]", Forbidden),
        ("x" * 70, Forbidden),
        ("no-such-host.invalid", OSError),
    ],
)
async def test_a_name_that_leads_elsewhere_is_not_followed(
    host: str, error: type[Exception]
) -> None:
    may = reach("webhooks", (f"http://{host}:1/",), ("10.0.0.0/8",))
    with pytest.raises(error):
        async with call(may, "GET", f"http://{host}:1/"):
            pass
