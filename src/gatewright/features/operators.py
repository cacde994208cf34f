"""Envoy's command operators in texts that users write: `%DOWNSTREAM_REMOTE_ADDRESS%`, `%REQ(X-USER?:X-GUEST)%`.

Where Envoy formats a text, it refuses one with an unknown operator, and the whole route configuration with it. So exactly what is
listed here is passed on, and every other percent sign is doubled, which stands for itself. ENVIRONMENT is left out on purpose:
what the proxy's environment holds is not for those who write routes. Each was tried on Envoy 1.40. Source: Envoy, "Command
Operators".
"""

import re
from typing import Final

_PLAIN: Final = (
    "(?:DOWNSTREAM_(?:DIRECT_REMOTE|REMOTE|LOCAL)|UPSTREAM_(?:REMOTE|LOCAL))_(?:ADDRESS(?:_WITHOUT_PORT)?|PORT)",
    "DOWNSTREAM_PEER_(?:CERT(?:_V_START|_V_END)?|DNS_SAN|FINGERPRINT_(?:1|256)|ISSUER|SERIAL|SUBJECT|URI_SAN)",
    "DOWNSTREAM_LOCAL_(?:DNS_SAN|SUBJECT|URI_SAN)",
    "(?:DOWNSTREAM|UPSTREAM)_(?:TLS_(?:CIPHER|VERSION)|TRANSPORT_FAILURE_REASON)",
    "UPSTREAM_(?:CLUSTER(?:_RAW)?|HOST(?:_NAME(?:_WITHOUT_PORT)?)?|PROTOCOL|REQUEST_ATTEMPT_COUNT)",
    "RESPONSE_(?:CODE(?:_DETAILS)?|DURATION|FLAGS(?:_LONG)?)",
    "BYTES_(?:RECEIVED|SENT)|(?:REQUEST_)?DURATION|GRPC_STATUS(?:_NUMBER)?|TLS_JA[34]_FINGERPRINT",
    "(?:CONNECTION|STREAM|TRACE)_ID|CONNECTION_TERMINATION_DETAILS|(?:FILTER_CHAIN|ROUTE|VIRTUAL_CLUSTER|REQUESTED_SERVER)_NAME",
    "ACCESS_LOG_TYPE|HOSTNAME|PATH|PROTOCOL|START_TIME",
)
_NAME: Final = "[A-Za-z0-9_:-][A-Za-z0-9_.-]*"
_WITH_ARGUMENT: Final = rf"(?:REQ|RESP|TRAILER)\({_NAME}(?:\?:?{_NAME})?\)(?::\d{{1,5}})?"
_OPERATOR: Final = re.compile(rf"(%(?:{'|'.join(_PLAIN)}|{_WITH_ARGUMENT})%)")


def escaped(text: str) -> str:
    """Double every percent sign of `text` that is not part of an operator that Envoy knows."""
    parts = _OPERATOR.split(text)
    return "".join(part if i % 2 else part.replace("%", "%%") for i, part in enumerate(parts))


def present(text: str) -> bool:
    """Whether `text` has an operator."""
    return _OPERATOR.search(text) is not None
