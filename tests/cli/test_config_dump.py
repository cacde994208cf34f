"""Serialised resources as Envoy's admin interface would show them."""

import base64
import subprocess
import sys
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.basic_auth.v3.basic_auth_pb2 import BasicAuth
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from gatewright.cli.config_dump import UnknownMessageError, config_dump, to_json
from gatewright.wire import resource as wire
from gatewright.wire.resource import Resource


def resource(type_url: str, name: str, message: Message) -> Resource:
    return Resource(type_url, name, f"v-{name}", message.SerializeToString())


def packed(message: Message) -> AnyMessage:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped


def listener_with_basic_auth() -> Listener:
    auth = BasicAuth(users=DataSource(inline_string="admin:{SHA}c2VjcmV0"))
    manager = HttpConnectionManager(stat_prefix="http")
    manager.http_filters.add(name="envoy.filters.http.basic_auth").typed_config.CopyFrom(packed(auth))
    listener = Listener(name="default/web/http")
    listener.filter_chains.add().filters.add(name="hcm").typed_config.CopyFrom(packed(manager))
    return listener


def test_each_type_has_its_section_and_shape() -> None:
    """The lists, and where a resource stands in their items, are those of envoy.admin.v3; items are ordered by name."""
    dump = config_dump(
        [
            resource(wire.ROUTES, "r", RouteConfiguration(name="r")),
            resource(wire.CLUSTER, "b", Cluster(name="b")),
            resource(wire.LISTENER, "l", Listener(name="l")),
            resource(wire.CLUSTER, "a", Cluster(name="a")),
        ]
    )
    admin = "type.googleapis.com/envoy.admin.v3."
    assert {
        "configs": [
            {
                "@type": f"{admin}ClustersConfigDump",
                "dynamicActiveClusters": [
                    {"versionInfo": "v-a", "cluster": {"@type": wire.CLUSTER, "name": "a"}},
                    {"versionInfo": "v-b", "cluster": {"@type": wire.CLUSTER, "name": "b"}},
                ],
            },
            {
                "@type": f"{admin}ListenersConfigDump",
                "dynamicListeners": [
                    {"name": "l", "activeState": {"versionInfo": "v-l", "listener": {"@type": wire.LISTENER, "name": "l"}}}
                ],
            },
            {
                "@type": f"{admin}RoutesConfigDump",
                "dynamicRouteConfigs": [{"versionInfo": "v-r", "routeConfig": {"@type": wire.ROUTES, "name": "r"}}],
            },
        ]
    } == dump


def test_only_the_parts_that_are_wanted() -> None:
    """A part that is not asked for, or that has no resources, is left out."""
    resources = [resource(wire.CLUSTER, "a", Cluster(name="a")), resource(wire.LISTENER, "l", Listener(name="l"))]
    assert ["type.googleapis.com/envoy.admin.v3.ClustersConfigDump"] == [
        section["@type"] for section in config_dump(resources, ["cluster", "route"])["configs"]
    ]


def test_private_keys_are_redacted_as_envoy_does() -> None:
    """The key is gone, its certificate stays."""
    secret = Secret(name="s")
    secret.tls_certificate.private_key.inline_bytes = b"-----BEGIN PRIVATE KEY-----"
    secret.tls_certificate.certificate_chain.inline_bytes = b"chain"
    shown: Any = to_json(wire.SECRET, secret.SerializeToString())["tlsCertificate"]
    assert b"[redacted]" == base64.b64decode(shown["privateKey"]["inlineBytes"])
    assert b"chain" == base64.b64decode(shown["certificateChain"]["inlineBytes"])


def test_what_is_sensitive_deep_inside_is_redacted() -> None:
    """Marked fields of messages in messages of type Any are found as well."""
    shown = str(to_json(wire.LISTENER, listener_with_basic_auth().SerializeToString()))
    assert ("[redacted]" in shown, "admin:" in shown) == (True, False)


def test_modules_of_nested_messages_are_imported_when_needed() -> None:
    """A fresh process that has imported no Envoy module can render any body."""
    program = (
        "import sys; from gatewright.cli.config_dump import to_json; "
        "print(to_json('type.googleapis.com/envoy.config.listener.v3.Listener', sys.stdin.buffer.read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=listener_with_basic_auth().SerializeToString(), capture_output=True, check=True
    )
    assert b"envoy.extensions.filters.http.basic_auth.v3.BasicAuth" in done.stdout


def test_a_message_that_nobody_knows() -> None:
    """An unknown type is named, not passed over."""
    listener = Listener(name="l")
    listener.filter_chains.add().filters.add().typed_config.type_url = "type.googleapis.com/no.such.v3.Thing"
    with pytest.raises(UnknownMessageError, match=r"no\.such\.v3\.Thing"):
        to_json(wire.LISTENER, listener.SerializeToString())
