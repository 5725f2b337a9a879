"""args.gen.h, actions.gen.h and actions.gen.c: what stands behind api/action.h."""

from dataclasses import dataclass

from . import hashing
from .actions import Action
from .text import BANNER, c_string, snake


@dataclass
class Row:
    """One row of kdm_actions[]: how it is asked for, how replies show it."""

    asked: tuple  # controller, action
    shown: tuple
    action: Action | None  # None: a ghost


def asked_of(row):
    return row.asked


def rows_of(protocol):
    """The rows that can be asked for, sorted, and behind them the ghosts."""
    rows, ghosts = [], []
    for controller in protocol.controllers:
        targets = {action.name: action for action in controller.actions}
        for name in (controller.name, *controller.also):
            rows += [Row((name, a.name), (name, a.name), a) for a in controller.actions]
        for asked, target in controller.aliases.items():
            rows.append(Row(asked, (controller.name, target), targets[target]))
        for ghost in controller.ghosts:
            ghosts.append(Row(ghost.asked, ghost.asked, None))
    return sorted(rows, key=asked_of), sorted(ghosts, key=asked_of)


def actions_of(protocol):
    return [action for controller in protocol.controllers for action in controller.actions]


def args_header(protocol):
    lines = [BANNER, "#ifndef KDM_ARGS_GEN_H", "#define KDM_ARGS_GEN_H", ""]
    lines += ["/* All arguments of the protocol. */", "enum kdm_arg {"]
    enums = {arg.enum: name for name, arg in protocol.args.items()}
    lines += [f"    {enum}, /* {enums[enum]} */" for enum in sorted(enums)]
    lines += ["};", "", "#endif"]
    return "\n".join(lines) + "\n"


def header(protocol):
    lines = [
        BANNER,
        "#ifndef KDM_ACTIONS_GEN_H",
        "#define KDM_ACTIONS_GEN_H",
        "",
        '#include "api/action.h"',
        "",
        "/* The actions that protocol/ says are implemented: a missing one stops the link.",
        " * A route may have the number of a row behind the last (>= kdm_action_count): Kuzzle has",
        " * the route and no action for it, so it answers api.process.action_not_found. */",
    ]
    for action in sorted(actions_of(protocol), key=lambda action: action.function):
        if action.implemented:
            lines.append(f"kdm_action_fn {action.function};")
    lines += ["", "#endif"]
    return "\n".join(lines) + "\n"


def args_name(action):
    return "args_" + snake(f"{action.controller}_{action.name}")


def arg_row(arg, values_name):
    flags = ["KDM_ARG_REQUIRED"] * arg.required + ["KDM_ARG_BODY"] * arg.in_body
    texts = [c_string(text) if text else "NULL" for text in (arg.alias, arg.expected)]
    return (
        f"    {{ {arg.enum}, {c_string(arg.name)}, {arg.type}, {' | '.join(flags) or '0'},"
        f" {values_name}, {', '.join(texts)} }},"
    )


def values_tables(protocol):
    """One array for each set of enum values; -> lines, {values: name}."""
    sets = {tuple(arg.values) for a in actions_of(protocol) for arg in a.args if arg.values}
    names = {values: f"values_{number}" for number, values in enumerate(sorted(sets))}
    lines = []
    for values, name in names.items():
        texts = ", ".join(c_string(value) for value in values)
        lines.append(f"static const char *const {name}[] = {{ {texts}, NULL }};")
    return lines, names


def args_tables(protocol):
    lines, names = values_tables(protocol)
    for action in actions_of(protocol):
        if action.args:
            lines += ["", f"static const struct kdm_arg_row {args_name(action)}[] = {{"]
            for arg in action.args:
                lines.append(arg_row(arg, names[tuple(arg.values)] if arg.values else "NULL"))
            lines.append("};")
    return lines


def action_row(number, row):
    names = ", ".join(c_string(name) for name in row.shown + row.asked)
    action = row.action
    if action is None:
        return f'    {{ {names},\n      "", NULL, NULL, 0, 0, {number} }},'
    run = action.function if action.implemented else "NULL"
    args = args_name(action) if action.args else "NULL"
    return (
        f"    {{ {names},\n"
        f"      {c_string(action.summary)},\n"
        f"      {run}, {args}, {len(action.args)}, {' | '.join(action.flags) or '0'}, {number} }},"
    )


def route_rows(protocol, numbers):
    """Sorted by verb, then path. A trailing slash says nothing and is left out."""
    routes = []
    for controller in protocol.controllers:
        for action in controller.actions:
            routes += [(route, numbers[controller.name, action.name]) for route in action.routes]
        routes += [(ghost.route, numbers[ghost.asked]) for ghost in controller.ghosts]
    rows = sorted((route.verb, "/" + "/".join(route.segments), number) for route, number in routes)
    return [f"    {{ {c_string(v)}, {c_string(path)}, {number} }}," for v, path, number in rows]


def find_tables(rows):
    """The perfect hash behind kdm_action_find."""
    table = hashing.build([hashing.key_hash(*row.asked) for row in rows])
    lines = [
        f"#define HASH_FACTOR UINT64_C(0x{hashing.FACTOR:X})",
        f"#define BUCKETS     {len(table.displacements)}u",
        f"#define SLOTS       {len(table.slots)}u",
        "",
        "static const uint16_t displacements[BUCKETS] = {",
        *wrapped(table.displacements),
        "};",
        "",
        "/* Lengths of 0: nobody is there. */",
        "static const struct slot {",
        "    uint16_t action;",
        "    uint8_t controller_len, action_len;",
        "} slots[SLOTS] = {",
    ]
    for slot, number in enumerate(table.slots):
        if number is not None:
            controller, action = rows[number].asked
            lines.append(f"    [{slot}] = {{ {number}, {len(controller)}, {len(action)} }},")
    lines += ["};", "", "static const char *const controllers[] = {"]
    lines += [f"    {c_string(name)}," for name in sorted({row.asked[0] for row in rows})]
    return lines + ["};", "", hashing.ACTION_FIND.rstrip("\n")]


def wrapped(numbers):
    texts = [f"{number}," for number in numbers]
    return ["    " + " ".join(texts[at : at + 16]) for at in range(0, len(texts), 16)]


def source(protocol):
    rows, ghosts = rows_of(protocol)
    numbers = {row.asked: number for number, row in enumerate(rows + ghosts)}
    lines = [BANNER, '#include "actions.gen.h"', "#include <string.h>", ""]
    lines += args_tables(protocol)
    lines += ["", "const struct kdm_action kdm_actions[] = {"]
    lines += [action_row(number, row) for number, row in enumerate(rows)]
    lines.append("    /* routes of Kuzzle that lead to no action */")
    lines += [action_row(number, row) for number, row in enumerate(ghosts, len(rows))]
    lines += ["};", "", f"const size_t kdm_action_count = {len(rows)};"]
    lines += [f"const size_t kdm_action_rows = {len(rows) + len(ghosts)};", ""]
    lines += ["const struct kdm_route kdm_routes[] = {", *route_rows(protocol, numbers), "};", ""]
    lines += ["const size_t kdm_route_count = sizeof kdm_routes / sizeof kdm_routes[0];", ""]
    return "\n".join(lines + find_tables(rows)) + "\n"
