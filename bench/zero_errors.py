"""Zero errors: everything that can change changes again and again, under clients of every protocol.

    python -m bench.zero_errors [--turns 100] [--only NAME,NAME] [--output FILE]

The clients ask for the host that changes and for one that nothing is done to. Lost are requests that were refused, reset, or
answered by anything but a backend; stale are answers of the backend from before a change that had been reported as programmed
when the request was sent. The bench fails if there is any of either.
"""

import argparse
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.lab import show
from bench.traffic import GOOD, Target, Traffic
from tests.support.backends import ServerTls, http_backend
from tests.support.calls import CallBackend
from tests.support.certificates import Certificate, self_signed
from tests.support.objects import GATEWAY_CLASS, documents, gateway, https, route, service, stream_route, to
from tests.support.ports import LOOPBACK, free_port
from tests.support.serving import Serving, serving
from tests.support.streams import StreamBackend

HOST: Final = "change.test"
STEADY: Final = "steady.test"
STREAM_CHANGE: Final = "TCPRoute flipped"
STREAM_HOST: Final = "stream.test"  # connections name none: what clients of the TCP listener are known by
NAMES: Final = ("one", "two")
TURN_SECONDS: Final = 0.25  # at least, so that all clients ask before, during and after each change


class Stage(NamedTuple):
    """What changes happen on."""

    server: Serving
    http: int
    https: int
    extra: int
    stream: int
    ports: dict[str, int]
    certificates: tuple[Certificate, Certificate]

    def edge(self, *, listeners: str = "") -> str:
        """The Gateway, with these listeners besides its own."""
        own = f"- {{name: http, protocol: HTTP, port: {self.http}}}\n" + https("https", self.https, "shown")
        own += f"- {{name: stream, protocol: TCP, port: {self.stream}}}\n"
        return documents(GATEWAY_CLASS, gateway("edge", own + listeners))


Change = Callable[[Stage, int], str]
"""Puts the documents of a turn; returns the backend that answers what changes from then on (empty: any)."""


def _route_added(stage: Stage, turn: int) -> str:
    name = f"added-{turn % 5}"
    stage.server.put(name, route(name, to(NAMES[turn % 2]), hostnames=[f"{name}-{turn}.test"]))
    return ""


def _route_removed(stage: Stage, turn: int) -> str:
    path = stage.server.folder / "removed.yaml"
    if turn % 2:
        path.unlink(missing_ok=True)
    else:
        stage.server.put("removed", route("removed", to("two"), hostnames=[f"removed-{turn}.test"]))
    return ""


def _flipped(stage: Stage, turn: int) -> str:
    stage.server.put("change", route("change", to(NAMES[turn % 2]), hostnames=[HOST]))
    return NAMES[turn % 2]


def _in_front(stage: Stage, turn: int) -> str:
    rules = "".join(
        f"- {{matches: [{{path: {{value: /{n}}}}}], backendRefs: [{{name: two, port: 80}}]}}\n" for n in range(turn % 10)
    )
    stage.server.put("change", route("change", rules + to("one"), hostnames=[HOST]))
    return "one"


def _reordered(stage: Stage, turn: int) -> str:
    rules = [f"- {{matches: [{{path: {{value: /{n}}}}}], backendRefs: [{{name: two, port: 80}}]}}" for n in range(5)] + [
        to("one")
    ]
    cut = turn % len(rules)
    stage.server.put("change", route("change", "\n".join(rules[cut:] + rules[:cut]), hostnames=[HOST]))
    return "one"


def _weights(stage: Stage, turn: int) -> str:
    first = (100, 50, 0)[turn % 3]
    backends = f"[{{name: one, port: 80, weight: {first}}}, {{name: two, port: 80, weight: {100 - first}}}]"
    stage.server.put("change", route("change", f"- backendRefs: {backends}", hostnames=[HOST]))
    return ("one", "", "two")[turn % 3]


def _filter(stage: Stage, turn: int) -> str:
    modifier = f"{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: turn, value: '{turn}'}}]}}}}"
    filters = f"filters: [{modifier}], " if turn % 3 else ""
    stage.server.put("change", route("change", f"- {{{filters}backendRefs: [{{name: one, port: 80}}]}}", hostnames=[HOST]))
    return "one"


def _host_moved(stage: Stage, turn: int) -> str:
    hosts = (["a.test", HOST], ["b.test"]) if turn % 2 else (["a.test"], ["b.test", HOST])
    stage.server.put("change", *(route(name, to(name), hostnames=given) for name, given in zip(NAMES, hosts, strict=True)))
    return NAMES[(turn + 1) % 2]


def _service_pointed(stage: Stage, turn: int) -> str:
    name = NAMES[turn % 2]
    stage.server.put("change", service("moving", stage.ports[name]), route("change", to("moving"), hostnames=[HOST]))
    return name


def _endpoints(stage: Stage, turn: int) -> str:
    both = [stage.ports[name] for name in NAMES]
    ports = [[stage.ports["one"]], both, [stage.ports["two"]], both][turn % 4]
    stage.server.put("change", service("moving", *ports), route("change", to("moving"), hostnames=[HOST]))
    return ("one", "", "two", "")[turn % 4]


def _certificate(stage: Stage, turn: int) -> str:
    stage.server.put("secret", stage.certificates[turn % 2].secret("shown"))
    return ""


def _authority(stage: Stage, turn: int) -> str:
    """The authorities of a backend that speaks TLS are one, and two, and one again."""
    both = Certificate(b"".join(each.certificate for each in reversed(stage.certificates)), b"", b"")
    trusted = (stage.certificates[0], both)[turn % 2].config_map("authority")
    secure = (service("secure", stage.ports["secure"]), route("change", to("secure"), hostnames=[HOST]))
    stage.server.put("change", *secure, trusted, _TLS_POLICY)
    return "secure"


def _policy(stage: Stage, turn: int) -> str:
    """A policy of a backend comes and goes."""
    budget = """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: budget, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: one}]
  retryConstraint: {budget: {percent: 20, interval: 10s}}
"""
    stage.server.put("change", route("change", to("one"), hostnames=[HOST]), *([budget] if turn % 2 else []))
    return "one"


def _stream_flipped(stage: Stage, turn: int) -> str:
    stage.server.put("stream", stream_route("TCPRoute", "stream", f"stream-{NAMES[turn % 2]}", parents=_STREAM))
    return NAMES[turn % 2]


def _listener(stage: Stage, turn: int) -> str:
    more = f"- {{name: more, protocol: HTTP, port: {stage.http}, hostname: more.test}}\n" if turn % 2 else ""
    stage.server.put("gateway", stage.edge(listeners=more))
    return ""


def _grant(stage: Stage, turn: int) -> str:
    """A grant for another route's backend comes and goes: that route loses it, this one does not."""
    grant = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service}]
"""
    foreign = "- backendRefs: [{name: far, namespace: other, port: 80}]"
    far = (service("far", stage.ports["two"], namespace="other"), route("far", foreign, hostnames=["far.test"]))
    near = route("change", to("one"), hostnames=[HOST])
    stage.server.put("change", near, *far, *([grant] if turn % 2 else []))
    return "one"


def _refused(stage: Stage, turn: int) -> str:
    """A listener that Envoy refuses, its port being taken, among good ones."""
    more = f"- {{name: taken, protocol: HTTP, port: {stage.extra}}}\n" if turn % 2 else ""
    stage.server.put("gateway", stage.edge(listeners=more))
    return ""


def _killed(stage: Stage, turn: int) -> str:
    """The control plane dies amid a change, which breaks the stream, and another one goes on."""
    if turn % 5 == 0:
        stage.server.put("change", route("change", to(NAMES[turn % 2]), hostnames=[HOST]))
        stage.server.stop(signal.SIGKILL)
        stage.server.start()
        return NAMES[turn % 2]
    return _flipped(stage, turn)


CHANGES: Final[dict[str, Change]] = {
    "route added": _route_added,
    "route removed": _route_removed,
    "route flipped between backends": _flipped,
    "rule inserted in front": _in_front,
    "rules reordered": _reordered,
    "weights changed": _weights,
    "filter changed": _filter,
    "host moved to another route": _host_moved,
    "Service re-pointed": _service_pointed,
    "endpoints rolled": _endpoints,
    "certificate rotated": _certificate,
    "authority of a backend rotated": _authority,
    "policy attached and detached": _policy,
    STREAM_CHANGE: _stream_flipped,
    "listener added and removed": _listener,
    "ReferenceGrant revoked and restored": _grant,
    "listener that Envoy refuses": _refused,
    "control plane killed": _killed,
}


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.zero_errors")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(CHANGES))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    asked: Counter[str] = Counter()
    with _stage() as stage:
        rows = [_under_load(stage, name, given.turns, asked) for name in given.only]
    clients = ", ".join(f"{protocol} {count:,}" for protocol, count in sorted(asked.items()))
    show(f"{given.turns} turns of each change, {asked.total():,} requests ({clients})", rows, given.output)
    sys.exit(any(row["lost"] or row["stale"] for row in rows))


def _under_load(stage: Stage, name: str, turns: int, asked: Counter[str]) -> dict[str, Any]:
    stage.server.apply("change", route("change", to("one"), hostnames=[HOST]))
    targets = [Target(protocol, stage.http, host) for protocol in ("HTTP/1.1 kept", "HTTP/2") for host in (HOST, STEADY)]
    targets += [
        Target("HTTP/1.1 fresh", stage.http, HOST),
        Target("TLS", stage.https, HOST),
        Target("gRPC", stage.http, "grpc.test"),
        Target("TCP", stage.stream, STREAM_HOST),
    ]
    started = time.monotonic()
    with Traffic(targets) as traffic:
        for turn in range(turns):
            traffic.expected = {}
            expected = CHANGES[name](stage, turn)
            stage.server.sync(30)
            traffic.expected = {STREAM_HOST if name == STREAM_CHANGE else HOST: expected} if expected else {}
            time.sleep(max(0.02, started + (turn + 1) * TURN_SECONDS - time.monotonic()))
    traffic.expected = {}
    stage.server.tidy("gateway", "secret", "steady", "stream")
    for target, found in traffic.outcomes.items():
        asked[target.protocol] += found.total()
    outcomes = sum(traffic.outcomes.values(), Counter[str]())
    wrong = {each: count for each, count in outcomes.items() if each != GOOD}
    stale = sum(count for each, count in wrong.items() if each.startswith("stale"))
    return {
        "change": name,
        "requests": sum(outcomes.values()),
        "lost": sum(wrong.values()) - stale,
        "stale": stale,
        "seconds": time.monotonic() - started,
        "what": ", ".join(f"{count} {each}" for each, count in wrong.items()),
    }


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in NAMES}
        calls = stack.enter_context(CallBackend("calls")).port
        taken = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        server = stack.enter_context(serving())
        ports = {name: backend.port for name, backend in backends.items()}
        certificates = (self_signed("*.test"), self_signed("*.test"))
        ports["secure"] = stack.enter_context(http_backend("secure", ServerTls(certificates[0]))).port
        streams = {f"stream-{name}": stack.enter_context(StreamBackend(name)).port for name in NAMES}
        stage = Stage(server, free_port(), free_port(), taken.getsockname()[1], free_port(), ports, certificates)
        server.put("gateway", stage.edge())
        server.put("secret", certificates[0].secret("shown"))
        services = documents(*(service(name, port) for name, port in ({"calls": calls} | ports | streams).items()))
        server.put("stream", stream_route("TCPRoute", "stream", "stream-one", parents=_STREAM))
        server.put("steady", services, route("steady", to("one"), hostnames=[STEADY]), _GRPC)
        server.start()
        yield stage


_STREAM: Final = "- {name: edge, sectionName: stream}"
_TLS_POLICY: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: secure, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: secure}]
  validation:
    hostname: secure.test
    caCertificateRefs: [{group: "", kind: ConfigMap, name: authority}]
"""
_GRPC: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: default}
spec:
  parentRefs: [{name: edge}]
  hostnames: [grpc.test]
  rules: [{backendRefs: [{name: calls, port: 80}]}]
"""


if __name__ == "__main__":
    main()
