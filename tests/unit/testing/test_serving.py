"""What a server in a process of its own needs."""

import socket
from pathlib import Path

import pytest

from lithograph.testing.serving import free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_free_port_is_given_to_nobody_who_asks_for_any() -> None:
    """Else another server is told what was meant for one that is dead for the moment."""
    if not RANGE.exists():
        pytest.skip("this operating system does not say which ports it gives")
    first, last = map(int, RANGE.read_text().split())
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert not ports & set(range(first, last + 1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.pop()))
