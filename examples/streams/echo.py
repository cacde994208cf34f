"""A server that greets connections by its name and gives back their lines, and gives back datagrams with its name in front.

python examples/streams/echo.py 5001 one
"""

import socketserver
import sys
import threading


class Conversation(socketserver.StreamRequestHandler):
    """Greets, then gives back what comes."""

    def handle(self) -> None:
        """Serve one connection."""
        self.wfile.write(f"{sys.argv[2]}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Datagram(socketserver.DatagramRequestHandler):
    """Gives back a datagram."""

    def handle(self) -> None:
        """Answer it."""
        self.wfile.write(f"{sys.argv[2]} ".encode() + self.rfile.read())


class Server(socketserver.ThreadingTCPServer):
    """Does not wait for connections that are open."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    threading.Thread(target=socketserver.UDPServer(address, Datagram).serve_forever, daemon=True).start()
    Server(address, Conversation).serve_forever()
