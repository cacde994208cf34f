"""Models: what is particular about some of them, and durations."""

import msgspec
import pytest

from gatewright.api.core import EndpointSlice, Secret, Service
from gatewright.api.durations import milliseconds
from gatewright.api.envoygateway import EnvoyGateway
from gatewright.api.meta import ObjectMeta
from gatewright.api.scalars import python_pattern
from tests.api.samples import SAMPLES, changed


def test_a_secret_does_not_show_what_it_holds() -> None:
    """The representation of a Secret, which logs and assertions print, has names only."""
    secret = msgspec.convert(SAMPLES["Secret"], Secret)

    assert "Secret(sample, type='kubernetes.io/tls', names=['tls.crt', 'tls.key'])" == repr(secret)


def test_string_data_becomes_data() -> None:
    """`stringData` wins over `data` of the same name, as an API server merges them."""
    secret = msgspec.convert(changed("Secret", {"stringData": {"tls.key": "é", "more": "c"}}), Secret)

    assert {"tls.crt": "YQ==", "tls.key": "w6k=", "more": "Yw=="} == secret.data
    assert {} == secret.string_data
    assert "é".encode() == secret.decoded("tls.key")


def test_undecodable_data_is_none() -> None:
    """A value that is absent or not base64 is None, never an exception."""
    secret = Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="a"), data={"bad": "%"})

    assert secret.decoded("bad") is None
    assert secret.decoded("absent") is None


def test_fields_of_core_kinds_that_do_not_matter_are_ignored() -> None:
    """A Service of a newer Kubernetes is read as far as it is known."""
    service = msgspec.convert(SAMPLES["Service"], Service)

    assert "web" == service.spec.ports[0].target_port
    assert "" == service.spec.cluster_ip


def test_an_endpoint_slice_knows_its_service() -> None:
    """The label says to which Service the endpoints belong."""
    assert "a" == msgspec.convert(SAMPLES["EndpointSlice"], EndpointSlice).owner


def test_configuration_defaults() -> None:
    """An EnvoyGateway that says nothing is Envoy Gateway's defaults."""
    configuration = EnvoyGateway(api_version="gateway.envoyproxy.io/v1alpha1", kind="EnvoyGateway")

    assert "gateway.envoyproxy.io/gatewayclass-controller" == configuration.gateway.controller_name
    assert ("127.0.0.1", 19000) == (configuration.admin.address.host, configuration.admin.address.port)
    assert {"default": "info"} == configuration.logging.level


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0), ("10ms", 10), ("1h", 3_600_000), ("1m30s", 90_000), ("1s5ms", 1_005), ("5ms1s", 1_005)]
)
def test_durations(text: str, expected: int) -> None:
    """GEP-2257: up to four numbers with units, in any order."""
    assert expected == milliseconds(text)


@pytest.mark.parametrize("text", ["", "1", "1d", "1.5s", "-1s", "100000s", "1s1s1s1s1s", "1s\n", " 1s"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is an error."""
    with pytest.raises(ValueError, match="is not a duration"):
        milliseconds(text)


@pytest.mark.parametrize(
    ("pattern", "expected"), [("^a$", r"^a\Z"), ("^$|^[$]$", r"^\Z|^[$]\Z"), (r"a\$", r"a\$"), (r"[\]$]$", r"[\]$]\Z")]
)
def test_the_end_of_a_pattern(pattern: str, expected: str) -> None:
    """`$` of RE2 is the end of the text, outside character classes and when not escaped."""
    assert expected == python_pattern(pattern)
