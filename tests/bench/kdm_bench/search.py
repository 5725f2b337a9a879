"""Searches of a million documents of ten mapped fields, as a client sees them: whole requests over a WebSocket.

What is measured is wall time, one request after the other, for which the loop, a worker and Redis take turns; so this section
uses all cores. Beside it: CPU time a request when many are under way, what replacements and a rebuild cost the indexing
thread, memory, and how others fare while one tenant asks for much.
"""

import json
import os
import re
import threading
import time
from dataclasses import dataclass

from .load import Shape
from .servers import Kdmd
from .websocket import WebSocket

INDEX, SMALL, OTHER = "searched", "small", "other"
FIELDS = {
    "name": {"type": "keyword"}, "model": {"type": "keyword"}, "site": {"type": "keyword"},
    "tags": {"type": "keyword"}, "count": {"type": "integer"}, "temperature": {"type": "double"},
    "measuredAt": {"type": "date"}, "active": {"type": "boolean"}, "position": {"type": "geo_point"},
    "description": {"type": "text"},
}  # fmt: skip
CHUNK = 40000
SINGLE = Shape(1, 1, 2.0, 0.3)
PIPELINED = Shape(8, 16, 2.0, 0.3)
HEAVY = Shape(2, 2, 2.0, 0.3)
EMPTY = 200  # collections


@dataclass(frozen=True)
class Case:
    name: str
    message: str
    target: float  # p50, ms
    expect: str = '"status":200'
    random: int = 1000000
    http: bool = False


def mix(number, salt):
    x = ((number << 32 | salt) * 0x9E3779B97F4A7C15) & (1 << 64) - 1
    x ^= x >> 29
    return (x * 0xBF58476D1CE4E5B9 & (1 << 64) - 1) >> 32


def document(n, strings=0, numbers=0):
    r = mix(n, 1 + strings)
    s = mix(n, 2 + numbers)
    words = " ".join(f"w{mix(n, 100 + i + 50 * strings) % (40 if i < 2 else 20000)}" for i in range(8))
    return (f'{{"name":"asset-{r:08x}-{strings}","model":"model{r % 10}","site":"site-{r // 16 % 1000}",'
            f'"tags":["tag{r % 97}","tag{r % 89}","tag{r % 83}"],"count":{s % 10000},'
            f'"temperature":{s // 8 % 100}.{s % 100:02},"measuredAt":{1577836800000 + s % 31536000 * 1000},'
            f'"active":{"true" if s % 3 else "false"},"position":{{"lat":{s % 170 - 85}.5,"lon":{s // 4 % 350 - 175}.25}},'
            f'"description":"{words}"}}')  # fmt: skip


def request(controller, action, rest):
    return f'{{"requestId":"$ID","controller":"{controller}","action":"{action}",{rest}}}'


def search(body, index=INDEX):
    return request("document", "search", f'"index":"{index}","collection":"docs","body":{json.dumps(body)}'
                   .replace('"$RANDOM"', "$RANDOM"))  # fmt: skip


def all_cases(count):
    return [
        Case("term + range, newest 10", search({"query": {"bool": {"filter": [
            {"term": {"model": "model3"}}, {"range": {"measuredAt": {"gte": 1585000000000, "lt": 1595000000000}}}]}},
            "sort": [{"measuredAt": "desc"}]}), 2),
        Case("filtered terms + sub-metric", search({"size": 0, "query": {"term": {"model": "model3"}}, "aggs": {
            "sites": {"terms": {"field": "site"}, "aggs": {"mean": {"avg": {"field": "temperature"}}}}}}), 5),
        Case("prefix", search({"query": {"prefix": {"name": "asset-0042"}}}), 2),
        Case("ids", search({"query": {"ids": {"values": [f"doc-{n}" for n in range(0, count, count // 10)]}}}), 2),
        Case("exists", search({"query": {"exists": {"field": "tags"}}}), 2),
        Case("match, best 10", search({"query": {"match": {"description": "w7 w12345"}}}), 4),
        Case("date_histogram over all", search({"size": 0, "aggs": {
            "months": {"date_histogram": {"field": "measuredAt", "calendar_interval": "month"}}}}), 10),
        Case("wildcard *ab12*", search({"query": {"wildcard": {"name": "*ab12*"}}}), 80),
        Case("10 of 10,000 documents", search({"query": {"term": {"site": "site-7"}}}, SMALL), 0.2),
    ]  # fmt: skip


# --- data ------------------------------------------------------------------------------------------


def make(ask, index):
    ask(controller="index", action="create", index=index)
    ask(controller="collection", action="create", index=index, collection="docs",
        body={"mappings": {"properties": FIELDS}})  # fmt: skip


def fill(load, kdmd, index, count, action="mCreate", strings=0, numbers=0):
    for first in range(0, count, CHUNK):
        messages = []
        for at in range(first, min(first + CHUNK, count), 200):
            documents = ",".join(f'{{"_id":"doc-{n}","body":{document(n, strings, numbers)}}}'
                                 for n in range(at, min(at + 200, count)))  # fmt: skip
            messages.append(request("document", action, f'"index":"{index}","collection":"docs",'
                                    f'"body":{{"documents":[{documents}]}}'))  # fmt: skip
        load.send(kdmd, messages, len(messages), expect='"errors":[]')


# --- figures ---------------------------------------------------------------------------------------


def thread_cpu(pid, name):
    """Seconds, of the threads of that name."""
    ticks = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat") as stat:
            text = stat.read()
        if text[text.index("(") + 1 : text.rindex(")")] == name:
            fields = text[text.rindex(")") + 2 :].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def metrics(ask):
    return ask(controller="server", action="metrics")["search"]


def caught_up(ask):
    while metrics(ask)["queued"] > 0 or metrics(ask)["building"] > 0:
        time.sleep(0.02)


def replacements(report, load, kdmd, ask, count):
    for what, strings, target in (("numbers change", 0, 50000), ("all fields change", 1, 30000)):
        before = thread_cpu(kdmd.pid, "kdm-indexer")
        fill(load, kdmd, INDEX, count, "mReplace", strings, 1 + strings)
        caught_up(ask)
        spent = thread_cpu(kdmd.pid, "kdm-indexer") - before
        rate = count / max(spent, 0.001)
        print(f"  replacing, {what:32}{1e6 * spent / count:8.2f} us a document, {rate:8.0f}/s on the indexing thread")
        report.line("search", case=f"replacing, {what}", us=1e6 * spent / count)
        report.verdict(f"replacing, {what}: us a document", 1e6 * spent / count, 1e6 / target, " us")


def empty_collections(report, ask):
    before = metrics(ask)
    ask(controller="index", action="create", index="empty")
    for number in range(EMPTY):
        ask(controller="collection", action="create", index="empty", collection=f"c{number}",
            body={"mappings": {"properties": FIELDS}})  # fmt: skip
        ask(controller="document", action="search", index="empty", collection=f"c{number}", body={})
    after = metrics(ask)
    kb = (after["memory"] - before["memory"]) / EMPTY / 1024
    print(f"  {'memory of an empty collection':43}{kb:8.2f} KB")
    report.verdict("memory of an empty collection", kb, 12, " KB")


def neighbours(report, load, kdmd, seconds):
    """Others, while one tenant has aggregations over all its documents computed without a pause."""
    heavy = json.loads(search({"size": 0, "aggs": {
        "a": {"terms": {"field": "name", "size": 10}, "aggs": {"p": {"percentiles": {"field": "temperature"}}}},
        "b": {"cardinality": {"field": "name"}}}}))  # fmt: skip
    going, spent = [True], []

    def tenant():
        socket = WebSocket(kdmd.port)
        while going[0]:
            begin = time.monotonic()
            socket.ask(**{key: heavy[key] for key in ("controller", "action", "index", "collection", "body")})
            spent.append(time.monotonic() - begin)

    threads = [threading.Thread(target=tenant) for _ in range(2)]
    shape = Shape(2, 1, seconds, 0.3)
    write = request("document", "createOrReplace", f'"index":"{OTHER}","collection":"docs","_id":"doc-$RANDOM",'
                    f'"body":{document(1)}')  # fmt: skip
    cases = (("server:now", request("server", "now", '"x":1')), ("a write", write),
             ("a search", search({"query": {"term": {"site": "site-7"}}}, OTHER)))  # fmt: skip
    for name, message in cases:
        result = load.measure(kdmd, kdmd.redis_pid, Case(name, message, 0, random=1000), shape)
        print(f"  {name + ' by itself':43}{result['p50_ms']:8.2f} ms, p99 {result['p99_ms']:8.2f} ms")
    for thread in threads:
        thread.start()
    for name, message in cases:
        result = load.measure(kdmd, kdmd.redis_pid, Case(name, message, 0, random=1000), shape)
        print(f"  {name + ' of another tenant meanwhile':43}{result['p50_ms']:8.2f} ms, p99 {result['p99_ms']:8.2f} ms")
        report.verdict(f"{name} beside long aggregations, p99", result["p99_ms"], 10, " ms")
    going[0] = False
    for thread in threads:
        thread.join()
    print(f"  {'(such an aggregation took)':43}{1000 * sorted(spent)[len(spent) // 2]:8.0f} ms")


def rebuild(report, directory, durability, program, count):
    kdmd = Kdmd(program, directory, durability)
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            found = re.search(rf"{INDEX}/docs is there: (\d+) documents in (\d+) ms", kdmd.log.read_text())
            if found or count < 100000:
                break
            time.sleep(0.1)
        if found:
            seconds = int(found.group(2)) / 1000
            cpu = thread_cpu(kdmd.pid, "kdm-indexer")
            print(f"  {'reading ' + found.group(1) + ' documents at start':43}{seconds:8.2f} s, "
                  f"{cpu:.2f} s of CPU on the indexing thread")
            report.verdict("rebuild of a million documents", seconds * 1000000 / count, 12, " s")
    finally:
        kdmd.stop()


# --- all of it -------------------------------------------------------------------------------------


def measure(program, load, report, directory, durability, count, replaced, only=""):
    kdmd = Kdmd(program, directory, durability)
    stopped = False
    try:
        websocket = WebSocket(kdmd.port)
        ask = websocket.ask
        for index in (INDEX, SMALL, OTHER):
            make(ask, index)
        begin = time.monotonic()
        fill(load, kdmd, INDEX, count)
        print(f"\nsearch: {count} documents of ten mapped fields, stored in {time.monotonic() - begin:.0f} s\n")
        fill(load, kdmd, SMALL, 10000)
        fill(load, kdmd, OTHER, 1000)
        websocket.socket.settimeout(120)
        for index in (INDEX, SMALL, OTHER):
            while True:
                try:
                    ask(controller="document", action="search", index=index, collection="docs", body={})
                    break
                except Exception as why:
                    if "not_ready" not in str(why):
                        raise
        memory = metrics(ask)
        per_document = memory["memory"] / memory["documents"]
        print(f"{'':45}{'p50 ms':>8}{'p99 ms':>8}{'CPU us, many':>16}{'Redis us':>9}")
        for case in all_cases(count):
            if only not in case.name:
                continue
            alone = load.measure(kdmd, kdmd.redis_pid, case, SINGLE)
            many = load.measure(kdmd, kdmd.redis_pid, case, PIPELINED if case.target <= 4 else HEAVY)
            print(f"  {case.name:43}{alone['p50_ms']:8.3f}{alone['p99_ms']:8.3f}"
                  f"{many['server']['cpu_us_per_request']:16.1f}{many['redis']['cpu_us_per_request']:9.1f}")  # fmt: skip
            for result in (alone, many):
                if result["errors"]:
                    print(f"    FAILED: {result.get('first_error', '')[:200]}")
            report.line("search", case=case.name, alone=alone, pipelined=many)
            report.verdict(f"search, {case.name}", alone["p50_ms"], case.target, " ms")
            if case.target < 1:
                report.verdict(f"search, {case.name}: CPU, pipelined", many["server"]["cpu_us_per_request"], 12, " us")
        print(f"  {'memory of a document':43}{per_document:8.0f} B")
        report.verdict("memory of a document", per_document, 350, " B")
        if not only:
            ask = WebSocket(kdmd.port).ask  # the other one was idle for too long
            empty_collections(report, ask)
            replacements(report, load, kdmd, ask, replaced)
            neighbours(report, load, kdmd, 3)
            kdmd.stop()
            stopped = True
            rebuild(report, directory, durability, program, count)
    finally:
        if not stopped:
            kdmd.stop()
