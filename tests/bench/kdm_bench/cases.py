"""What is measured: limits and kdmd's own cases in the order of one round, their data, and the targets.

Redis's share is held against the same commands sent bare: an assets:update reads one document and commits two. A
limit stands right before the cases that are held against it, so that a machine that changes its pace meanwhile
changes both.
"""

import json
from dataclasses import dataclass, replace

from .websocket import Refused

INDEX = "bench"
ENGINE = "engine-bench"
MAPPINGS = {"properties": {"n": {"type": "integer"}, "kind": {"type": "keyword"}, "name": {"type": "keyword"}}}
REQUEST = '{"requestId":"$ID",'


@dataclass(frozen=True)
class Case:
    name: str
    message: str  # what ws_load sends, with its places
    limits: tuple = ()  # whose sum it is held against
    target: float = 0  # at most so many times that, in the server's CPU time; 0: none
    server: str = "kdmd"
    random: int = 1
    expect: str = ""
    http: bool = False
    redis_limits: tuple = ()  # the same for Redis's CPU time; default: as limits
    beside: str = ""  # a case that does the same for less..
    more: float = 0  # ..and how many microseconds of the server's CPU time it may differ


def document(size, number="$RANDOM"):
    """A body of about `size` bytes."""
    head = f'{{"n":{number},"kind":"kind-1","name":"name of it","pad":"'
    return head + "x" * (size - len(head) - 2) + '"}'


def on_document(action, collection, rest):
    return (f'{REQUEST}"controller":"document","action":"{action}","index":"{INDEX}",'
            f'"collection":"{collection}",{rest}}}')  # fmt: skip


TOKEN = "%TOKEN%"  # until a user has logged in


def as_user(message):
    return f'{message[:-1]},"jwt":"{TOKEN}"}}'


def rounds(sizes):
    get_300 = on_document("get", "docs300", '"_id":"doc-$RANDOM"')
    get_1000 = on_document("get", "docs1000", '"_id":"doc-$RANDOM"')
    create = on_document("create", "created", f'"body":{document(250)}')
    update = on_document("update", "updated", '"_id":"doc-$RANDOM","body":{"n":$ID,"name":"name $ID"}')
    asset = (f'{REQUEST}"controller":"device-manager/assets","action":"update","engineId":"{ENGINE}",'
             '"_id":"Container-bench$RANDOM","body":{"metadata":{"weight":$ID,"height":7}}}')  # fmt: skip
    now = f'{REQUEST}"controller":"server","action":"now"}}'
    return [
        Case("limit:echo", now, server="echo", expect='"requestId"'),
        Case("server:now", now, ("limit:echo",), 5),
        Case("limit:read 300 B", get_300, server="read300", random=sizes.documents),
        Case("document:get 300 B", get_300, ("limit:read 300 B",), 2, random=sizes.documents),
        Case("document:get 300 B as a user", as_user(get_300), random=sizes.documents,
             beside="document:get 300 B", more=0.5),
        Case("HTTP GET 300 B", f"/{INDEX}/docs300/doc-$RANDOM", ("limit:read 300 B",),
             random=sizes.documents, http=True),
        Case("limit:read 1 KB", get_1000, server="read1000", random=sizes.documents),
        Case("document:get 1 KB", get_1000, ("limit:read 1 KB",), 2, random=sizes.documents),
        Case("limit:commit", create, server="commit", random=sizes.updated),
        Case("document:create", create, ("limit:commit",), 2.5, random=sizes.updated),
        Case("document:update", update, ("limit:commit",), random=sizes.updated,
             redis_limits=("limit:read 300 B", "limit:commit")),
        Case("limit:commit of two", asset, server="commit2", random=sizes.updated),
        Case("assets:update", asset, ("limit:commit",), 8, random=sizes.updated,
             redis_limits=("limit:read 300 B", "limit:commit of two")),
    ]  # fmt: skip


REDIS_TARGET = 1.5
IDLE_TARGET_KB = 8


def idle_message():
    """60 KB that a server has to take in; what it need not send back."""
    return f'{REQUEST}"controller":"server","action":"now","pad":"' + "x" * 60000 + '"}'


# --- data ------------------------------------------------------------------------------------------


def make_collection(ask, collection):
    ask(controller="collection", action="create", index=INDEX, collection=collection,
        body={"mappings": MAPPINGS})  # fmt: skip


def fill_documents(kdmd, load, collection, count, size):
    """mCreate of 200 at a time."""
    messages = []
    for first in range(0, count, 200):
        numbers = range(first, min(first + 200, count))
        documents = ",".join(f'{{"_id":"doc-{n}","body":{document(size, n)}}}' for n in numbers)
        messages.append(on_document("mCreate", collection, f'"body":{{"documents":[{documents}]}}'))
    load.send(kdmd, messages, len(messages), expect='"errors":[]')


def fill_assets(kdmd, ask, load, count):
    ask(controller="device-manager/models", action="writeAsset",
        body={"engineGroup": "commons", "model": "Container",
              "metadataMappings": {"weight": {"type": "integer"}, "height": {"type": "integer"}},
              "measures": [{"name": "temperatureExt", "type": "temperature"}]})  # fmt: skip
    ask(controller="device-manager/engine", action="create", index=ENGINE)
    create = (f'{REQUEST}"controller":"device-manager/assets","action":"create","engineId":"{ENGINE}",'
              '"body":{"model":"Container","reference":"bench$SEQ","metadata":{"weight":1,"height":2}}}')  # fmt: skip
    load.send(kdmd, [create], count)


def add_user(ask):
    """Who has a profile of two roles, one of which is restricted. Everybody else keeps every right."""
    documents = {"document": {"actions": {"get": True, "search": True, "create": True}}}
    ask(controller="security", action="createRole", _id="bench-read", body={"controllers": documents})
    ask(controller="security", action="createRole", _id="bench-clock",
        body={"controllers": {"server": {"actions": {"now": True}}}})  # fmt: skip
    ask(controller="security", action="createProfile", _id="bench",
        body={"policies": [{"roleId": "bench-clock"},
                           {"roleId": "bench-read", "restrictedTo": [{"index": INDEX}, {"index": "other"}]}]})  # fmt: skip
    ask(controller="security", action="createUser", _id="bench",
        body={"content": {"profileIds": ["bench"]},
              "credentials": {"local": {"username": "bench", "password": "bench"}}})  # fmt: skip


def log_in(ask, wanted):
    """The cases with the token of a user in place."""
    if not any(TOKEN in case.message for case in wanted):
        return wanted
    add_user(ask)
    token = ask(controller="auth", action="login", strategy="local", expiresIn="1d",
                body={"username": "bench", "password": "bench"})["jwt"]  # fmt: skip
    return [replace(case, message=case.message.replace(TOKEN, token)) for case in wanted]


def prepare(kdmd, websocket, load, sizes, names):
    """Makes what the named cases need; returns what could not be made: {case name: why}."""
    def wanted(*some):
        return any(part in name for name in names for part in some)

    steps = [
        (("300 B",), lambda: fill_documents(kdmd, load, "docs300", sizes.documents, 300), "docs300"),
        (("1 KB",), lambda: fill_documents(kdmd, load, "docs1000", sizes.documents, 1000), "docs1000"),
        (("document:create",), lambda: None, "created"),
        (("document:update",), lambda: fill_documents(kdmd, load, "updated", sizes.updated, 250), "updated"),
        (("assets:update",), lambda: fill_assets(kdmd, websocket.ask, load, sizes.updated), None),
    ]  # fmt: skip
    missing = {}
    try:
        websocket.ask(controller="index", action="create", index=INDEX)
    except (Refused, RuntimeError) as why:
        missing[""] = str(why)
    for parts, fill, collection in steps:
        if not wanted(*parts):
            continue
        try:
            if collection:
                make_collection(websocket.ask, collection)
            fill()
        except (Refused, RuntimeError) as why:
            missing.update({name: str(why) for name in names if any(part in name for part in parts)})
    return missing
