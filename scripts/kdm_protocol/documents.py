"""api_documents.gen.c: server:publicApi and server:openapi, as JSON text."""

import json

from .text import BANNER

LINE = 24  # bytes of a document in a line of C

SWAGGER_TYPES = {
    "KDM_ARG_TYPE_INTEGER": "integer",
    "KDM_ARG_TYPE_NUMBER": "number",
    "KDM_ARG_TYPE_BOOLEAN": "boolean",
}
SCHEMA_TYPES = SWAGGER_TYPES | {
    "KDM_ARG_TYPE_ARRAY": "array",
    "KDM_ARG_TYPE_STRINGS": "array",
    "KDM_ARG_TYPE_OBJECT": "object",
    "KDM_ARG_TYPE_ANY": None,
}


def shown_routes(action):
    return [route for route in action.routes if not route.alias]


def public_api(protocol):
    """{controller: {action: {action, controller, http?: [{path, url, verb}]}}}"""
    document = {}
    for controller in protocol.controllers:
        for name in (controller.name, *controller.also):
            actions = document[name] = {}
            for action in controller.actions:
                row = actions[action.name] = {"action": action.name, "controller": name}
                http = [
                    {"path": route.path, "url": route.path, "verb": route.verb}
                    for route in shown_routes(action)
                ]
                if http:
                    row["http"] = http
    return document


def parameter(arg, in_path):
    row = {
        "name": arg.name,
        "in": "path" if in_path else "query",
        "required": in_path or arg.required,
        "type": SWAGGER_TYPES.get(arg.type, "string"),
    }
    if arg.values:
        row["enum"] = arg.values
    if arg.default is not None:
        row["default"] = typed_default(arg)
    return row


def typed_default(arg):
    if SCHEMA_TYPES.get(arg.type, "string") == "string":
        return arg.default
    try:
        return json.loads(arg.default)
    except ValueError:
        return arg.default


def body_parameter(action):
    """The body as one parameter, or None when the action reads none."""
    members = [arg for arg in action.args if arg.in_body]
    if action.body is None and not members:
        return None
    schema = {"type": "object"}
    properties = {}
    for arg in members:
        kind = SCHEMA_TYPES.get(arg.type, "string")
        row = properties[arg.name.removeprefix("body.")] = {"type": kind} if kind else {}
        if kind == "array":
            row["items"] = {"type": "string"} if arg.type == "KDM_ARG_TYPE_STRINGS" else {}
    if properties:
        schema["properties"] = properties
    required = [arg.name.removeprefix("body.") for arg in members if arg.required]
    if required:
        schema["required"] = required
    needed = "KDM_ACTION_BODY" in action.flags
    return {"name": "body", "in": "body", "required": needed, "schema": schema}


def responses(action, errors):
    statuses = {error.name: error.status for error in errors}
    rows = {"200": {"description": action.result or "no result"}}
    for name in action.errors:
        row = rows.setdefault(str(statuses[name]), {"description": ""})
        row["description"] = ", ".join(filter(None, (row["description"], name)))
    return dict(sorted(rows.items()))


def operation(controller, action, route, errors):
    in_path = {segment[1:] for segment in route.segments if segment.startswith(":")}
    parameters = [parameter(a, a.name in in_path) for a in action.args if not a.in_body]
    body = body_parameter(action) if route.verb in ("POST", "PUT", "PATCH", "DELETE") else None
    row = {
        "tags": [controller.name],
        "summary": action.name,
        "description": action.summary,
        "responses": responses(action, errors),
    }
    if parameters or body:
        row["parameters"] = parameters + ([body] if body else [])
    if route.deprecated:
        row["deprecated"] = True
    return row


def swagger_path(route):
    return "/" + "/".join(f"{{{s[1:]}}}" if s.startswith(":") else s for s in route.segments)


def openapi(protocol, controllers, special_routes):
    paths = {}
    for controller in controllers:
        for action in controller.actions:
            for route in shown_routes(action):
                verbs = paths.setdefault(swagger_path(route), {})
                verbs[route.verb.lower()] = operation(controller, action, route, protocol.errors)
    for route, summary in special_routes:
        paths.setdefault(route.path, {})[route.verb.lower()] = {
            "tags": ["server"],
            "summary": summary,
            "responses": {"200": {"description": "see the summary"}},
        }
    return {
        "swagger": "2.0",
        **protocol.openapi,
        "tags": [{"name": controller.name} for controller in controllers],
        "schemes": ["http", "https"],
        "paths": {path: dict(sorted(paths[path].items())) for path in sorted(paths)},
    }


def text_of(document):
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"))


def byte_array(name, text):
    """Numbers, since a C string literal of this size is more than a compiler must take."""
    data = text.encode("ascii")
    lines = [f"static const char {name}_text[] = {{"]
    for at in range(0, len(data), LINE):
        lines.append(",".join(str(byte) for byte in data[at : at + LINE]) + ",")
    lines += ["};", f"const struct kdm_str kdm_{name} = {{ {name}_text, sizeof {name}_text }};"]
    return lines


def source(protocol):
    core = [controller for controller in protocol.controllers if not controller.plugin]
    app = [controller for controller in protocol.controllers if controller.plugin]
    lines = [BANNER, '#include "api/action.h"', ""]
    for name, document in (
        ("public_api", public_api(protocol)),
        ("openapi_kuzzle", openapi(protocol, core, protocol.special_routes)),
        ("openapi_app", openapi(protocol, app, [])),
    ):
        lines += byte_array(name, text_of(document))
    return "\n".join(lines) + "\n"
