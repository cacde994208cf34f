"""A server of gRPC that answers every method of every service with its name and the message, and a caller of it. It needs no schema.

python examples/grpc/echo.py serve 50051 orders
python examples/grpc/echo.py call localhost:8888 shop.example.com /shop.Orders/Get hello version=next
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


class Echo(grpc.GenericRpcHandler):
    """Answers a message with a name and the message."""

    def __init__(self, name: str) -> None:
        self.name = name

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Answer any method."""
        del handler_call_details
        return grpc.unary_unary_rpc_method_handler(lambda message, _: f"{self.name}: ".encode() + message)


def serve(port: str, name: str) -> None:
    """Serve until interrupted."""
    server = grpc.server(ThreadPoolExecutor(), handlers=[Echo(name)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(address: str, host: str, method: str, message: str, *metadata: str) -> None:
    """Make a call and print its answer, or the status that it ends with."""
    pairs = tuple((name, value) for name, _, value in (each.partition("=") for each in metadata))
    with grpc.insecure_channel(address, options=[("grpc.default_authority", host)]) as channel:
        try:
            print(channel.unary_unary(method)(message.encode(), metadata=pairs, timeout=5).decode())
        except grpc.RpcError as error:
            print(error.code().name)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        call(*sys.argv[2:])
