"""Keeps web pages out of what is meant for programs on this machine.

A browser can be made to ask a loopback port on behalf of any page. Answers carry no CORS header, so pages cannot read them; a
page that rebinds its own name to 127.0.0.1 could, so the Host header must name the loopback (or, where a person bound the console
to another address, be an address: a rebound name is never one). Only GET and HEAD exist.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final

METHODS: Final = frozenset({"GET", "HEAD"})


def objection(method: str, headers: Mapping[str, str], *, loopback_only: bool) -> tuple[int, str] | None:
    """The HTTP status and the words with which a request is refused, or None when it is welcome."""
    if method not in METHODS:
        return 405, "only GET is answered here"
    host = host_name(headers.get("Host", ""))
    if not (is_loopback(host) or (not loopback_only and is_address(host))):
        return 403, f"the Host header must name this machine's loopback address, not {host!r}"
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") or "Origin" in headers:
        return 403, "requests on behalf of web pages are refused"
    return None


def host_name(header: str) -> str:
    """The host of a Host header without its port; brackets of an IPv6 address are taken off."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].rstrip(".").lower()


def is_loopback(host: str) -> bool:
    """Whether `host` is localhost or a loopback address."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
