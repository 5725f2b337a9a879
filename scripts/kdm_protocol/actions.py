"""protocol/kuzzle/, device-manager/ and dialects/: controllers, their actions and routes."""

from dataclasses import dataclass, field

from .args import check_names, read_arg
from .checks import read_object, refuse, take, take_strings
from .text import snake

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
FLAGS = {
    "write": "KDM_ACTION_WRITE",
    "http-only": "KDM_ACTION_HTTP_ONLY",
    "raw": "KDM_ACTION_RAW",
    "void": "KDM_ACTION_VOID",
}
ARGS_MAX = 24  # KDM_ARGS_MAX of api/action.h

CONTROLLER_KEYS = {
    "controller": str,
    "about": str,
    "also": list,
    "argAliases": dict,
    "aliases": dict,
    "ghosts": list,
    "actions": dict,
}
ACTION_KEYS = {
    "summary": str,
    "http": list,
    "args": dict,
    "flags": list,
    "errors": list,
    "result": str,
    "redis": str,
    "notes": list,
    "implemented": bool,
}
DIALECT_KEYS = {"dialect": str, "about": str, "actions": dict}
DIALECT_ACTION_KEYS = {"summary": str, "http": list, "result": str}
ROUTE_KEYS = {"deprecated": bool, "alias": bool}


@dataclass
class Route:
    verb: str
    path: str
    deprecated: bool = False
    alias: bool = False  # works, but the API documents do not show it

    @property
    def segments(self):
        return [segment for segment in self.path.split("/") if segment]

    @property
    def shape(self):
        """Without the parameters' names: two routes of one shape could not be told apart."""
        return self.verb, tuple(":" if s.startswith(":") else s for s in self.segments)


@dataclass
class Action:
    controller: str
    name: str
    where: str
    summary: str
    routes: list
    args: list  # of Arg: those that get a row
    body: str | None  # the notation of the argument "body" itself
    flags: list  # of C constants, sorted
    errors: list
    result: str | None
    redis: str | None
    notes: list
    implemented: bool

    @property
    def function(self):
        controller = self.controller.replace("device-manager/", "dm/")
        return "kdm_" + snake(f"{controller}_{self.name}")


@dataclass
class Ghost:
    """A route of Kuzzle that leads to no action: it answers 404."""

    controller: str
    name: str
    route: Route

    @property
    def asked(self):
        return self.controller, self.name


@dataclass
class Controller:
    where: str
    name: str
    group: str  # the folder: kuzzle, device-manager or dialects
    actions: list
    also: list  # further names under which all of it is there, shown under that name
    aliases: dict  # (controller, action) as asked -> name of an action here
    ghosts: list = field(default_factory=list)

    @property
    def plugin(self):
        """Served under /_/, shown in the scope "app" of the OpenAPI document."""
        return "/" in self.name


def read_route(where, row):
    if not isinstance(row, list) or len(row) not in (2, 3):
        refuse(where, f"no route: {row!r}")
    verb, path = row[:2]
    where = f'{where}: route "{verb} {path}"'
    if verb not in VERBS:
        refuse(where, "unknown verb")
    if not isinstance(path, str) or not path.startswith("/") or "//" in path:
        refuse(where, "the path is not right")
    marks = take(where, row[2], ROUTE_KEYS) if len(row) == 3 else {}
    return Route(verb, path, **marks)


def read_args(where, rows, aliases):
    """The arguments that get a row, and the notation of "body" itself."""
    args, body = [], None
    for name, notation in rows.items():
        arg = read_arg(where, name, notation, aliases.get(name))
        if name != "body":
            args.append(arg)
        elif arg.type in ("KDM_ARG_TYPE_OBJECT", "KDM_ARG_TYPE_ANY"):
            body = notation
        else:
            refuse(where, f'"body" is either "object" or "any", not "{notation}"')
    if len(args) > ARGS_MAX:
        refuse(where, f"more than {ARGS_MAX} arguments")
    if body is None and any(arg.in_body for arg in args) and not needs_body(args, body):
        refuse(where, 'optional body arguments only: say whether "body" is needed')
    return args, body


def needs_body(args, body):
    return body in ("object", "any") or any(arg.in_body and arg.required for arg in args)


def read_flags(where, names, args, body):
    flags = set()
    for name in take_strings(where + ": flags", names):
        if name not in FLAGS:
            refuse(where, f'unknown flag "{name}"')
        flags.add(FLAGS[name])
    if needs_body(args, body):
        flags.add("KDM_ACTION_BODY")
    if body is not None and body.startswith("any"):
        flags.add("KDM_ACTION_BODY_ANY")
    return sorted(flags)


def check_parameters(action):
    names = {arg.name for arg in action.args}
    for route in action.routes:
        for segment in route.segments:
            if segment.startswith(":") and segment[1:] not in names:
                refuse(action.where, f'"{route.path}": there is no argument "{segment[1:]}"')


def read_action(where, controller, name, row, aliases):
    where = f'{where}: "{name}"'
    take(where, row, ACTION_KEYS, ("summary", "implemented"))
    args, body = read_args(where, row.get("args", {}), aliases)
    action = Action(
        controller=controller,
        name=name,
        where=where,
        summary=row["summary"],
        routes=[read_route(where, route) for route in row.get("http", [])],
        args=args,
        body=body,
        flags=read_flags(where, row.get("flags", []), args, body),
        errors=take_strings(where + ": errors", row.get("errors", [])),
        result=row.get("result"),
        redis=row.get("redis"),
        notes=take_strings(where + ": notes", row.get("notes", [])),
        implemented=row["implemented"],
    )
    if (action.result is None) != ("KDM_ACTION_VOID" in action.flags):
        refuse(where, 'has either a "result" or the flag "void"')
    check_parameters(action)
    return action


def read_dialect_action(where, dialect, name, row):
    """Its arguments are its own affair: each dialect reads and refuses them in its own words."""
    where = f'{where}: "{name}"'
    take(where, row, DIALECT_ACTION_KEYS, DIALECT_ACTION_KEYS)
    return Action(
        controller=dialect,
        name=name,
        where=where,
        summary=row["summary"],
        routes=[read_route(where, route) for route in row["http"]],
        args=[],
        body=None,
        flags=["KDM_ACTION_RAW"],
        errors=[],
        result=row["result"],
        redis=None,
        notes=[],
        implemented=True,
    )


def read_dialect(path):
    document = take(path, read_object(path), DIALECT_KEYS, ("dialect", "actions"))
    name = document["dialect"]
    actions = [read_dialect_action(path, name, *item) for item in document["actions"].items()]
    actions.sort(key=lambda action: action.name)
    return Controller(str(path), name, "dialects", actions, also=[], aliases={})


def read_aliases(where, rows, actions):
    """{"controller:action": "action"}, or {"controller:*": "*"} for all of them."""
    names, aliases = [action.name for action in actions], {}
    for asked, target in rows.items():
        controller, colon, action = asked.rpartition(":")
        if not colon or (action == "*") != (target == "*") or target not in names + ["*"]:
            refuse(where, f'the alias "{asked}": {target!r} leads nowhere')
        if target == "*":
            aliases |= {(controller, name): name for name in names}
        else:
            aliases[controller, action] = target
    return aliases


def read_ghost(where, controller, row):
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], str):
        refuse(where, f"no ghost: {row!r}")
    return Ghost(controller, row[2], read_route(where, row[:2]))


def read_controller(path, group):
    document = take(path, read_object(path), CONTROLLER_KEYS, ("controller", "actions"))
    name, arg_aliases = document["controller"], document.get("argAliases", {})
    actions = [
        read_action(path, name, action, row, arg_aliases)
        for action, row in document["actions"].items()
    ]
    for alias in arg_aliases:
        if not any(arg.name == alias for action in actions for arg in action.args):
            refuse(path, f'"argAliases": no action has the argument "{alias}"')
    return Controller(
        where=str(path),
        name=name,
        group=group,
        actions=sorted(actions, key=lambda action: action.name),
        also=take_strings(f"{path}: also", document.get("also", [])),
        aliases=read_aliases(path, document.get("aliases", {}), actions),
        ghosts=[read_ghost(path, name, row) for row in document.get("ghosts", [])],
    )


def check_routes(controllers):
    """No two routes that a request could not tell apart."""
    seen = {}
    for controller in controllers:
        rows = [(route, action.where) for action in controller.actions for route in action.routes]
        rows += [(ghost.route, controller.where) for ghost in controller.ghosts]
        for route, where in rows:
            if route.shape in seen:
                refuse(where, f'"{route.verb} {route.path}" is also in {seen[route.shape]}')
            seen[route.shape] = where


def check_asked(controllers):
    """What is asked for leads to one action only."""
    seen = set()
    for controller in controllers:
        names = [controller.name, *controller.also]
        asked = [(name, action.name) for name in names for action in controller.actions]
        for key in asked + list(controller.aliases):
            if key in seen:
                refuse(controller.where, f'"{key[0]}:{key[1]}" is there twice')
            seen.add(key)


def all_args(controllers):
    """Name -> an Arg of that name, for all arguments of the protocol."""
    return {arg.name: arg for c in controllers for action in c.actions for arg in action.args}


def read_controllers(folder, groups):
    """All controllers, sorted by name."""
    controllers = [
        read_controller(path, group)
        for group in groups
        for path in sorted((folder / group).glob("*.json"))
    ]
    controllers.sort(key=lambda controller: controller.name)
    check_asked(controllers)
    check_routes(controllers)
    check_names(all_args(controllers).values())
    return controllers


def read_dialects(folder):
    """The other vendors' APIs, sorted by name; each has routes of its own."""
    dialects = [read_dialect(path) for path in sorted(folder.glob("*.json"))]
    for dialect in dialects:
        check_routes([dialect])
    return dialects
