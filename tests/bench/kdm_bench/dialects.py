"""The doors of ActionHub, EnOS and MindSphere: CPU time of the server, all threads, for each asset or request.

Requests go over several kept connections, one after the other on each, as the vendors' clients do.
"""

import json
import os
import random
import socket
import time

from .servers import Kdmd

CONNECTIONS = 16
BULK = 1000  # assets in a request
PROGRAM = "mdsp"


class Http:
    """One connection; requests and answers apart, so that many connections can be busy at once."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def send(self, method, path, body, **headers):
        data = json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: bench", "content-type: application/json", f"content-length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def answer(self):
        """The status and the body."""
        while b"\r\n\r\n" not in self.left:
            self._more()
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        lines = head.decode().lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        while len(self.left) < length:
            self._more()
        body, self.left = self.left[:length], self.left[length:]
        return int(lines[0].split()[1]), body.decode()

    def ask(self, *request, **headers):
        self.send(*request, **headers)
        return self.answer()

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise RuntimeError("the server has closed the connection")
        self.left += data


def cpu_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


def expect(answer, text, status=200):
    if answer[0] != status or text not in answer[1]:
        raise RuntimeError(f"answered {answer[0]}: {answer[1][:300]}")


def bulk(number, turn):
    return {"assets": [{"asset_id": f"p{number * BULK + i}", "asset_name": f"Product {i} at {turn}", "labels": ["red", "sale", f"l{i % 50}"]}
                       for i in range(BULK)]}  # fmt: skip


def actionhub(connections, _, turn):
    """New assets the first time, then the same ones with other names."""
    for at, http in enumerate(connections[:2]):
        http.send("POST", "/assets", bulk(random.randrange(20) * 2 + at, turn), program_id=PROGRAM)
    for http in connections[:2]:
        expect(http.answer(), "success")
    return 2 * BULK


def enos(connections, assets, turn):
    for at, http in enumerate(connections):
        asset = {"assetId": assets[at], "name": {"defaultValue": f"T {turn}"}, "attributes": {"height": turn + 0.5}, "tags": {"turn": f"{turn}"}}
        http.send("POST", f"/asset-service/v2.1/assets?action=update&orgId={PROGRAM}&isPatchUpdate=true", {"asset": asset})
    for http in connections:
        expect(http.answer(), '"code":0')
    return len(connections)


def mindsphere(connections, _, turn):
    """One type after the other: writes of types are checked against all there are, so they take turns anyway. What
    changes is a description, as when a client saves a form."""
    for at, http in enumerate(connections):
        body = {"name": f"Type {at}", "description": f"at {turn}", "variables": [{"name": f"v{at}", "dataType": "DOUBLE", "unit": "m"}]}
        expect(http.ask("PUT", f"/api/assetmanagement/v3/assettypes/mdsp.bench{at}", body, if_match="*"), '"etag"')
    return len(connections)


def prepare(http):
    """A type and an asset for each connection."""
    assets = []
    for at in range(CONNECTIONS):
        expect(http.ask("PUT", f"/api/assetmanagement/v3/assettypes/mdsp.bench{at}", {"name": f"Type {at}",
               "variables": [{"name": f"v{at}", "dataType": "DOUBLE", "unit": "m"}]}), "etag", 201)  # fmt: skip
    expect(http.ask("PUT", "/api/assetmanagement/v3/assettypes/mdsp.turbine", {"name": "Turbine", "variables": [
        {"name": "height", "dataType": "DOUBLE"}, {"name": "maker", "dataType": "STRING"}]}), "etag", 201)  # fmt: skip
    for _ in range(CONNECTIONS):
        answer = http.ask("POST", f"/asset-service/v2.1/logical-assets?action=create&orgId={PROGRAM}", {"assetInstance": {
            "modelId": "Turbine", "name": {"defaultValue": "T"}, "timezone": "+08:00", "attributes": {"maker": "us"}}})  # fmt: skip
        expect(answer, '"code":0')
        assets.append(json.loads(answer[1])["data"])
    return assets


def measure(program, report, directory, durability, seconds):
    print("\nother vendors' doors: CPU of the server\n")
    kdmd = Kdmd(program, directory, durability)
    try:
        connections = [Http(kdmd.port) for _ in range(CONNECTIONS)]
        assets = prepare(connections[0])
        for name, work, target, unit in (
            (f"ActionHub, {BULK} assets a request", actionhub, 25, "an asset"),
            ("EnOS, patch of an asset", enos, 60, "a request"),
            ("MindSphere, PUT of a type", mindsphere, 60, "a request"),
        ):
            for turn in range(5):
                work(connections, assets, turn)
            count, turn, before, end = 0, 5, cpu_seconds(kdmd.pid), time.monotonic() + seconds
            while time.monotonic() < end:
                count, turn = count + work(connections, assets, turn), turn + 1
            spent = 1e6 * (cpu_seconds(kdmd.pid) - before) / count
            print(f"  {name:40}{spent:8.2f} us {unit}")
            report.line("dialects", case=name, us=spent, count=count)
            report.verdict(f"{name}: CPU {unit}", spent, target, " us")
    finally:
        kdmd.stop()
