"""A few questions to Redis over its Unix socket."""

import hashlib
import socket


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")

    def ask(self, *args):
        parts = [str(arg).encode() for arg in args]
        text = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n" % len(parts) + text)
        return self._reply()

    def _reply(self):
        line = self.stream.readline().decode().rstrip("\r\n")
        kind, rest = line[:1], line[1:]
        if kind == "$":
            return None if rest == "-1" else self.stream.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        if kind == "-":
            raise RuntimeError(f"Redis: {rest}")
        return int(rest) if kind == ":" else rest

    def info(self, section, name):
        for line in self.ask("INFO", section).splitlines():
            if line.startswith(name + ":"):
                return line.split(":", 1)[1]
        raise RuntimeError(f"Redis: no {name}")

    def documents_key(self, index, collection):
        """The hash of a collection, named as src/store/catalogue.c does."""
        tag = hashlib.sha256(index.encode()).hexdigest()[:32]
        check = self.ask("HGET", f"kdm:{{{tag}}}:m", f"c:{collection}")
        if check is None:
            raise RuntimeError(f"Redis: no collection {index}/{collection}")
        return f"kdm:{{{tag}}}:d:{check.split(' ')[0]}"
