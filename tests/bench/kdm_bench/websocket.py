"""One request after the other over a WebSocket, for preparing data."""

import json
import socket
import struct


class Refused(Exception):
    pass


class WebSocket:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        if b" 101 " not in self.stream.readline():
            raise RuntimeError("kdmd refused the upgrade")
        while self.stream.readline() not in (b"\r\n", b""):
            pass

    def ask(self, **request):
        """The result, or Refused with the error."""
        text = json.dumps({"requestId": "setup", **request}).encode()
        self.socket.sendall(b"\x81\xff" + struct.pack(">QI", len(text), 0) + text)
        reply = json.loads(self._message())
        if reply["status"] != 200:
            raise Refused(f"{request['controller']}:{request['action']}: {json.dumps(reply)[:300]}")
        return reply.get("result")

    def _message(self):
        head = self.stream.read(2)
        if len(head) < 2 or head[0] != 0x81:
            raise RuntimeError("kdmd closed the connection")
        size = head[1]
        if size == 126:
            size = struct.unpack(">H", self.stream.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.stream.read(8))[0]
        return self.stream.read(size)
