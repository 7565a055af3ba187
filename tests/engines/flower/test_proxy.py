"""The shipped proxy lets a node's calls through and nothing else that a SuperLink offers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.engines.flower.conftest import until
from tithe.engines.flower.calls import Address
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.superlink import answers, free_port

NGINX = shutil.which("nginx")
SHIPPED = Path(__file__).parents[3] / "docs" / "deploy" / "nginx.conf"
_AROUND = """
daemon off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/tithe.conf;
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def proxy(office):
    folder = office.folder / "nginx"
    folder.mkdir()
    port = free_port()
    text = SHIPPED.read_text()
    for shipped, ours in (
        ("127.0.0.1:9091", f"127.0.0.1:{office.link.address.port}"),
        ("listen 9443", f"listen 127.0.0.1:{port}"),
        ("/etc/tithe/certificates", str(office.certificates.server.parent)),
    ):
        assert shipped in text
        text = text.replace(shipped, ours)
    (folder / "tithe.conf").write_text(text)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    )
    address = Address("127.0.0.1", port, office.certificates.authority)
    try:
        until(lambda: process.poll() is not None or _listens(address))
        assert process.poll() is None
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _listens(address):
    try:
        return httpx.get(f"https://{address.text}/", verify=False).status_code == 404
    except httpx.TransportError:
        return False


def test_messages_pass_both_ways_in_parts(office, proxy):
    key = office.keys[0]
    body = bytes(9_000_000)
    spooled = office.folder / "nginx"
    with FlowerNodePost(proxy, key=key) as post:
        until(lambda: post.pull() is None and post.is_connected)
        node = next(iter(until(office.post.nodes)))
        sent = office.post.push(node, body)
        message_id, came = until(post.pull)
        assert came == body
        post.answer(message_id, body + b"!")
        assert until(lambda: office.post.replies([sent])) == {sent: body + b"!"}
    assert not [each for each in spooled.rglob("*/*") if each.is_file()]  # nothing went to disk


@pytest.mark.parametrize(
    "path",
    [
        "/v1/control/list-runs",
        "/v1/control/start-run",
        "/v1/control/register-node",
        "/v1/runtime/acquire-task",
        "/v1/runtime/get-nodes",
        "/v1/fleet/register-node",
        "/v1/fleet/unregister-node",
        "/v1/fleet/../control/list-runs",
        "/v1/fleet/%2e%2e/control/list-runs",
        "/v1/fleet/pull-messages/../../control/list-runs",
        "/v1/fleet/pull-messages%2f..%2f..%2fcontrol%2flist-runs",
        "/v1//control/list-runs",
        "/V1/CONTROL/list-runs",
        "/docs",
        "/openapi.json",
        "/",
    ],
)
def test_everything_else_is_not_there(proxy, path):
    with httpx.Client(verify=False) as client:
        request = client.build_request("POST", f"https://{proxy.text}/")
        request.url = request.url.copy_with(raw_path=path.encode())  # as it is written
        assert client.send(request).status_code in (400, 404)


def test_the_superlink_itself_would_have_answered(office):
    """So that the refusals above are the proxy's."""
    url = f"https://{office.link.address.text}"
    kind = {"content-type": "application/x-protobuf", "accept": "application/x-protobuf"}
    assert httpx.get(f"{url}/docs", verify=False).status_code == 200
    found = httpx.post(f"{url}/v1/control/list-runs", verify=False, headers=kind)
    assert found.status_code not in (400, 404)
    assert answers(office.link.address)


def test_an_oversize_call_and_another_method_are_refused(proxy):
    url = f"https://{proxy.text}/v1/fleet/push-object"
    with httpx.Client(verify=False) as client:
        assert client.post(url, content=bytes(6_000_000)).status_code == 413
        assert client.get(url).status_code == 405


def test_no_health_is_told(proxy):
    assert not answers(proxy)
