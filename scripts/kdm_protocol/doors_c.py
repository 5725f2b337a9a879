"""doors.gen.h and doors.gen.c: the other vendors' APIs, as api/door.h wants them."""

from .actions_c import Row, action_row, rows_of
from .text import BANNER, c_string, snake


def header(protocol):
    lines = [
        BANNER,
        "#ifndef KDM_DOORS_GEN_H",
        "#define KDM_DOORS_GEN_H",
        "",
        '#include "api/door.h"',
        "",
    ]
    for dialect in protocol.dialects:
        lines.append(f"extern const struct kdm_door_table kdm_{snake(dialect.name)}_table;")
    lines.append("")
    for dialect in protocol.dialects:
        lines += [f"kdm_action_fn {action.function};" for action in dialect.actions]
    lines += ["", "#endif"]
    return "\n".join(lines) + "\n"


def actions_table(dialect, first):
    """Numbered on from where the rows of all dialects before it end."""
    lines = [f"static const struct kdm_action {snake(dialect.name)}_actions[] = {{"]
    for number, action in enumerate(dialect.actions, first):
        name = (dialect.name, action.name)
        lines.append(action_row(number, Row(name, name, action)))
    return [*lines, "};", ""]


def routes_table(dialect):
    """Sorted by verb, then path; a route's number is that of its action among the dialect's."""
    rows = sorted(
        (route.verb, "/" + "/".join(route.segments), number)
        for number, action in enumerate(dialect.actions)
        for route in action.routes
    )
    lines = [f"static const struct kdm_route {snake(dialect.name)}_routes[] = {{"]
    lines += [f"    {{ {c_string(verb)}, {c_string(path)}, {number} }}," for verb, path, number in rows]
    return [*lines, "};", ""]


def table(dialect):
    name = snake(dialect.name)
    routes = sum(len(action.routes) for action in dialect.actions)
    return [
        f"const struct kdm_door_table kdm_{name}_table = {{",
        f"    {c_string(dialect.name)}, {name}_actions, {len(dialect.actions)}, {name}_routes, {routes}",
        "};",
        "",
    ]


def source(protocol):
    lines = [BANNER, '#include "doors.gen.h"', ""]
    first = sum(map(len, rows_of(protocol)))
    for dialect in protocol.dialects:
        lines += actions_table(dialect, first) + routes_table(dialect) + table(dialect)
        first += len(dialect.actions)
    return "\n".join(lines)
