"""kdmd with its own Redis, and the limits, as child processes that end with us."""

import os
import re
import signal
import subprocess
import time

from .redis import Redis

START_S = 30


class Server:
    """A child process that prints its port on a line of its own."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(
            [str(program), "0", *map(str, args)], stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        line = self.process.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError(f"{program} did not start")
        self.port = int(line)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Kdmd(Server):
    """kdmd on a free port with its own Redis in `directory`."""

    def __init__(self, program, directory, durability):
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "kdmd.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(program), "--host", "127.0.0.1", "--port", "0", "--durability", durability,
                 "--data", str(directory / "data")],
                stdout=log, stderr=subprocess.STDOUT)  # fmt: skip
        self.pid = self.process.pid
        try:
            self.port = self._port()
        except BaseException:
            self.stop()
            raise
        self.socket = str(directory / "data" / "redis.sock")
        self.redis = Redis(self.socket)
        self.redis_pid = int(self.redis.info("server", "process_id"))
        # A rewrite of the AOF is a second process that would run in some measurements and not in others.
        self.redis.ask("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")

    def _port(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            found = re.search(r"listening on \S+:(\d+)", self.log.read_text())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"kdmd did not start: {self.log.read_text()[-500:]}")

    def stop(self):
        super().stop()
        # A kdmd that had to be killed leaves its Redis behind.
        if self.process.returncode != 0 and getattr(self, "redis_pid", 0):
            try:
                os.kill(self.redis_pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def durability(self):
        return "AOF, appendfsync " + self.redis.ask("CONFIG", "GET", "appendfsync")[1]
