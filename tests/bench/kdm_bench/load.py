"""Runs ws_load and reads its result."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    conns: int
    depth: int
    seconds: float
    warmup: float

    @property
    def name(self):
        return f"{self.conns} x {self.depth}"


class Load:
    def __init__(self, program, directory):
        self.program = str(program)
        self.directory = Path(directory)

    def _command(self, server, redis_pid, messages, options):
        file = self.directory / "messages"
        file.write_text("\n".join(messages) + "\n")
        pids = f"server={server.pid},redis={redis_pid}"
        return [self.program, "--port", server.port, "--frame-file", file, "--pid", pids, *options]

    def _run(self, command, limit_s):
        try:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                  timeout=limit_s)  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"ws_load did not end within {limit_s:.0f} s") from None
        if done.returncode not in (0, 3) or not done.stdout:
            raise RuntimeError(done.stderr.strip() or f"ws_load ended with {done.returncode}")
        return json.loads(done.stdout)

    def measure(self, server, redis_pid, case, shape):
        options = ["--conns", shape.conns, "--depth", shape.depth, "--duration", shape.seconds,
                   "--warmup", shape.warmup, "--random", case.random]  # fmt: skip
        if case.expect:
            options += ["--expect", case.expect]
        if case.http:
            options += ["--http"]
        command = self._command(server, redis_pid, [case.message], options)
        return self._run(command, shape.seconds + shape.warmup + 30)

    def send(self, server, messages, count, expect='"status":200'):
        """Sends `count` messages, for filling; all must succeed."""
        options = ["--count", count, "--conns", 8, "--depth", 16, "--expect", expect]
        result = self._run(self._command(server, server.pid, messages, options), 620)
        if result["errors"] or result["unanswered"]:
            raise RuntimeError(f"filling: {result.get('first_error', 'no answer')}")

    def hold(self, server, conns, message):
        """Memory of `conns` idle connections, each after one message."""
        options = ["--conns", conns, "--depth", 1, "--hold", "--expect", ""]
        command = self._command(server, server.pid, [message], options)
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        line = process.stdout.readline()
        errors = process.communicate(timeout=60)[1]
        if not line:
            raise RuntimeError(errors.strip() or "ws_load --hold failed")
        return json.loads(line)
