"""Authorizers for the filter ExternalAuth: over plain HTTP, and over gRPC by Envoy's ext_authz protocol.

Both let pass whoever sends `Authorization: good`, refuse the rest with 401, and keep what they were asked in `checks`.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
from envoy.service.auth.v3 import external_auth_pb2 as auth_pb
from google.rpc import code_pb2

from tests.support.ports import LOOPBACK


class Check(NamedTuple):
    """A request as an authorizer was told of it."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    body: bytes


class HTTPAuthorizer:
    """Answers 200 or 401, with headers `x-tenant`, `x-other` and one that would break the request; to be used as `with`."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        authorizer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                authorizer.checks.append(Check(self.command, self.path, headers.pop("host", ""), headers, body))
                self.send_response(200 if headers.get("authorization") == "good" else 401)
                for name, value in {"X-Tenant": "acme", "X-Other": "other", "Content-Type": "text/odd"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class GRPCAuthorizer:
    """Answers OK with the header `x-tenant`, or denies; to be used as `with`."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self._server = grpc.server(ThreadPoolExecutor(2))
        handler: Any = grpc.unary_unary_rpc_method_handler(
            self._check, auth_pb.CheckRequest.FromString, auth_pb.CheckResponse.SerializeToString
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": handler}),)
        )
        self.port = self._server.add_insecure_port(f"{LOOPBACK}:0")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop(None).wait()

    def _check(self, asked: auth_pb.CheckRequest, call: object) -> auth_pb.CheckResponse:
        del call
        http = asked.attributes.request.http
        self.checks.append(Check(http.method, http.path, http.host, dict(http.headers), http.raw_body))
        answer = auth_pb.CheckResponse()
        if http.headers.get("authorization") == "good":
            header = answer.ok_response.headers.add().header
            header.key, header.value = "x-tenant", "acme"
        else:
            answer.status.code = code_pb2.PERMISSION_DENIED
            answer.denied_response.status.code = 401
        return answer
