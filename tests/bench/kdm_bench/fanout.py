"""Fan-out: one publisher, N subscribers of one room, beside a bare libwebsockets broadcast of the same frames.

The publisher keeps `depth` messages under way, a message being under way until every subscriber has it; more of them share
a write, so the depth, and how many notifications came in one read, belong to the figure. The subscribers are several
processes. A limit runs right before the case that is held against it.
"""

import json
import subprocess
from statistics import median

from .servers import Server

SUBSCRIBERS = (10, 100, 1000, 5000)
DEPTH = 16
PROCESSES = 4
TARGET_US = 0.6  # at 100 subscribers
TARGET_RATIO = 4

SUBSCRIBE = ('{"requestId":"s","controller":"realtime","action":"subscribe","index":"bench","collection":"fan",'
             '"body":{"exists":"at"}}')  # fmt: skip
PUBLISH = ('{"requestId":"p","controller":"realtime","action":"publish","index":"bench","collection":"fan",'
           '"body":{"at":"$AT","kind":"kind-1","name":"name of it","pad":"' + "x" * 100 + '"}}')  # fmt: skip


def prepare(ask):
    ask(controller="index", action="create", index="bench")
    ask(controller="collection", action="create", index="bench", collection="fan")


def run(program, server, redis_pid, subscribers, seconds, warmup, cpu):
    command = [program, "--port", server.port, "--subscribers", subscribers, "--processes", PROCESSES,
               "--depth", DEPTH, "--duration", seconds, "--warmup", warmup, "--subscribe", SUBSCRIBE,
               "--publish", PUBLISH, "--server", server.pid, "--redis", redis_pid]  # fmt: skip
    if cpu is not None:
        command += ["--cpu", cpu]
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=seconds + warmup + 90)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RuntimeError("fan_load did not end") from None
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"fan_load ended with {done.returncode}")
    return json.loads(done.stdout)


def medians(results):
    return {key: median(result[key] for result in results) for key in results[0]}


def measure(programs, kdmd, report, rounds, seconds, warmup, cpu=None):
    """The table of all numbers of subscribers. Every server is a fresh one: the broadcast keeps its subscribers."""
    print(f"\nfan-out: one publisher with {DEPTH} messages under way, {PROCESSES} processes of subscribers\n")
    print(f"{'':22}{'CPU us':>8}{'Redis us':>9}{'per s':>9}{'p50 ms':>8}{'p99 ms':>8}{'a read':>8}"
          f"{'bytes':>7}{'x limit':>9}")  # fmt: skip
    size = run(programs / "fan_load", kdmd, kdmd.redis_pid, 1, 0.2, 0, cpu)["bytes"]
    for subscribers in SUBSCRIBERS:
        results = {"limit:broadcast": [], "fanout": []}
        for _ in range(rounds):
            limit = Server(programs / "lws_fan", int(size) - 4)
            try:
                for name, server in (("limit:broadcast", limit), ("fanout", kdmd)):
                    result = run(programs / "fan_load", server, kdmd.redis_pid, subscribers, seconds, warmup, cpu)
                    results[name].append(result)
                    report.line("run", case=f"{name} {subscribers}", **result)
            finally:
                limit.stop()
        show(report, subscribers, {name: medians(some) for name, some in results.items()})


def show(report, subscribers, figures):
    ratio = figures["fanout"]["server_us"] / figures["limit:broadcast"]["server_us"]
    for name, own in figures.items():
        last = f"{ratio:.2f}" if name == "fanout" else ""
        redis = f"{own['redis_us']:9.3f}" if name == "fanout" else " " * 9
        print(f"{name + ' ' + str(subscribers):22}{own['server_us']:8.3f}{redis}{own['per_s']:9.0f}"
              f"{own['p50_ms']:8.2f}{own['p99_ms']:8.2f}{own['per_read']:8.1f}{own['bytes']:7.0f}{last:>9}")  # fmt: skip
        report.line("case", case=f"{name} {subscribers}", **own)
    if subscribers == 100:
        report.verdict("fan-out to 100: CPU a notification", figures["fanout"]["server_us"], TARGET_US, " us")
    report.verdict(f"fan-out to {subscribers} / limit:broadcast", ratio, TARGET_RATIO)
