"""Joined bytes are the message that Envoy would have been sent whole."""

import pytest
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from gatewright.wire import encoding


@given(st.lists(st.text(max_size=300), max_size=5))
def test_fields_joined_are_the_message(names: list[str]) -> None:
    whole = route_pb2.RouteConfiguration(name="all", virtual_hosts=[route_pb.VirtualHost(name=name) for name in names])
    head = encoding.serialised(route_pb2.RouteConfiguration(name="all"))
    number = route_pb2.RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER

    joined = head + b"".join(encoding.field(number, encoding.serialised(host)) for host in whole.virtual_hosts)

    assert whole == route_pb2.RouteConfiguration.FromString(joined)


@given(st.text(max_size=300))
def test_a_text_appended_is_the_field(name: str) -> None:
    body = encoding.serialised(route_pb.Route(match=route_pb.RouteMatch(prefix="/")))

    joined = route_pb.Route.FromString(body + encoding.text(route_pb.Route.NAME_FIELD_NUMBER, name))

    assert route_pb.Route(name=name, match=route_pb.RouteMatch(prefix="/")) == joined


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (1 << 21, b"\x80\x80\x80\x01")],
)
def test_varints(value: int, expected: bytes) -> None:
    assert expected == encoding.varint(value)


def test_equal_messages_give_equal_bytes_whatever_order_they_were_filled_in() -> None:
    """Maps are the trap: protobuf writes them in the order of insertion unless told otherwise."""
    one, other = Struct(), Struct()
    one.update({"a": 1, "b": 2})
    other.update({"b": 2, "a": 1})

    assert encoding.serialised(one) == encoding.serialised(other)
    assert encoding.packed(one) == encoding.packed(other)
