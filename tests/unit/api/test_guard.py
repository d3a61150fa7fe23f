"""Whose pages may ask a server that knows no keys: its own, by its own name."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from lithograph.api.guard import SameOrigin


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("done")(scope, receive, send)


async def status_of(method: str, keyless: bool, **headers: str) -> int:
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await SameOrigin(answer, keyless=keyless)(scope, receive, send)
    status: int = said[0]["status"]
    return status


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost"])
async def test_its_own_names_are_these(host: str) -> None:
    assert await status_of("GET", True, host=host) == 200
    assert await status_of("POST", True, host=host, origin=f"http://{host}", sec_fetch_site="same-origin") == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a@localhost:x"]
)
async def test_another_name_that_leads_here_is_refused(host: str) -> None:
    assert await status_of("GET", True, host=host) == 403


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {"origin": "null"}]
)
async def test_a_page_of_another_site_may_write_nothing(headers: dict[str, str]) -> None:
    assert await status_of("POST", True, host="localhost:8000", **headers) == 403
    assert await status_of("DELETE", False, host="graph.example.org", **headers) == 403


async def test_a_program_that_says_nothing_of_sites_may_ask() -> None:
    assert await status_of("POST", False, host="graph.example.org") == 200
    assert await status_of("GET", False, host="graph.example.org", origin="https://elsewhere.example") == 200
