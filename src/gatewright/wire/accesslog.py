"""The default access log: JSON to the proxy's standard output, with Envoy Gateway's fields (conventions, section 4).

Requests are logged by the connection manager; connections that never reach one (no filter chain) by the listener, told apart by
the response flag NR.
"""

from functools import lru_cache
from typing import Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog

from gatewright.wire.encoding import packed

_FIELDS: Final = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "x-envoy-origin-path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "x-envoy-upstream-service-time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x-forwarded-for": "%REQ(X-FORWARDED-FOR)%",
    "user-agent": "%REQ(USER-AGENT)%",
    "x-request-id": "%REQ(X-REQUEST-ID)%",
    ":authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}


@lru_cache(maxsize=2)
def access_logs(*, unrouted: bool) -> tuple[accesslog_pb2.AccessLog, ...]:
    """Return the access logs of a connection manager, or with `unrouted` those of a listener."""
    file = FileAccessLog(path="/dev/stdout", log_format=SubstitutionFormatString())
    file.log_format.json_format.update(_FIELDS)
    log = accesslog_pb2.AccessLog(name="envoy.access_loggers.file", typed_config=packed(file))
    if unrouted:
        log.filter.response_flag_filter.flags.append("NR")
    return (log,)
