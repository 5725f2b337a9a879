"""Reads protocol/ as a whole; whatever is not understood is refused with its file and key."""

from dataclasses import dataclass

from .actions import all_args, read_controllers, read_dialects, read_route
from .checks import Refused, read_object, refuse, take, take_strings
from .errors import read_errors

__all__ = ["Refused", "protocol", "counts"]

GROUPS = ("device-manager", "kuzzle")
ENTRIES = {*GROUPS, "dialects", "errors", "common.json", "README.md", "not-implemented.count"}
COMMON_KEYS = {"openapi": dict, "errors": list, "routes": list, "types": dict}


@dataclass
class Protocol:
    errors: list
    controllers: list
    dialects: list  # other vendors' APIs; no request names their actions
    args: dict  # name -> an Arg of that name
    openapi: dict  # the head of the OpenAPI documents
    common_errors: list  # ids that any action may answer with
    special_routes: list  # (Route, summary): answered without an action
    types: dict  # names used in the actions' "result"


def read_common(path):
    common = take(path, read_object(path), COMMON_KEYS, COMMON_KEYS)
    routes = []
    for row in common["routes"]:
        if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], str):
            refuse(f'{path}: "routes"', f"not [verb, path, summary]: {row!r}")
        routes.append((read_route(path, row[:2]), row[2]))
    return common, routes


def check_errors(where, names, known):
    for name in names:
        if name not in known:
            refuse(where, f'there is no error "{name}"')


def check_entries(folder):
    if not folder.is_dir():
        refuse(folder, "no such folder")
    for entry in sorted(folder.iterdir()):
        if entry.name not in ENTRIES and not entry.name.startswith("."):
            refuse(entry, "unknown; see protocol/README.md")


def protocol(folder):
    check_entries(folder)
    errors = read_errors(folder / "errors")
    controllers = read_controllers(folder, GROUPS)
    common, routes = read_common(folder / "common.json")
    known = {error.name for error in errors}
    where = f"{folder / 'common.json'}"
    check_errors(where, take_strings(f"{where}: errors", common["errors"]), known)
    for controller in controllers:
        for action in controller.actions:
            check_errors(action.where, action.errors, known)
    return Protocol(
        errors=errors,
        controllers=controllers,
        dialects=read_dialects(folder / "dialects"),
        args=all_args(controllers),
        openapi=common["openapi"],
        common_errors=common["errors"],
        special_routes=routes,
        types=common["types"],
    )


def counts(protocol):
    """One line a fact, for tests/protocol/check.py."""
    lines = [f"errors {len(protocol.errors)}", f"arguments {len(protocol.args)}"]
    for group in GROUPS:
        mine = [c for c in protocol.controllers if c.group == group]
        actions = [action for c in mine for action in c.actions]
        routes = sum(not route.alias for action in actions for route in action.routes)
        ghosts = sum(len(c.ghosts) for c in mine)
        missing = sum(not action.implemented for action in actions)
        lines.append(
            f"{group}: {len(mine)} controllers, {len(actions)} actions,"
            f" {routes + ghosts} routes, {missing} not implemented"
        )
    for dialect in protocol.dialects:
        routes = sum(len(action.routes) for action in dialect.actions)
        lines.append(f"{dialect.name}: {len(dialect.actions)} operations, {routes} routes")
    return "\n".join(lines)
