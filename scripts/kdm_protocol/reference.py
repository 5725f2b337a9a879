"""The API reference: one Markdown page for people."""


def anchor(name):
    return name.lower().replace("/", "").replace(":", "").replace(" ", "-")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [*lines, ""]


def route_line(route):
    mark = ", deprecated" if route.deprecated else ", alias" if route.alias else ""
    return f"- `{route.verb} {route.path}`{mark}"


def args_table(action):
    rows = []
    if action.body is not None:
        needed = "no" if action.body.endswith("?") else "yes"
        rows.append(("`body`", f"`{action.body.rstrip('?')}`", needed, ""))
    for arg in action.args:
        kind = arg.notation.split("?")[0]
        default = "" if arg.default is None else f"`{arg.default}`"
        name = f"`{arg.name}`" + (f" (or `{arg.alias}`)" if arg.alias else "")
        rows.append((name, f"`{kind}`", "yes" if arg.required else "no", default))
    return table(("argument", "type", "required", "default"), rows) if rows else []


def asked_as(controller, action):
    """Under which other names the action can be asked for."""
    names = [f"{name}:{action.name}" for name in controller.also]
    names += [f"{c}:{a}" for (c, a), target in controller.aliases.items() if target == action.name]
    return ", ".join(f"`{name}`" for name in sorted(names))


def action_section(controller, action):
    lines = [f"### {controller.name}:{action.name}", "", action.summary]
    if not action.implemented:
        lines[-1] += " **Not implemented yet: answers `api.process.not_implemented` (501).**"
    lines.append("")
    if action.routes:
        lines += [*map(route_line, action.routes), ""]
    if asked_as(controller, action):
        lines += [f"Also: {asked_as(controller, action)}.", ""]
    lines += args_table(action)
    if action.redis:
        lines += [f"Redis: `{action.redis}`", ""]
    lines += [f"Result: `{action.result}`" if action.result else "No result.", ""]
    if action.errors:
        lines += ["Errors: " + ", ".join(f"`{name}`" for name in action.errors), ""]
    return lines + [f"- {note}" for note in action.notes] + ([""] if action.notes else [])


def contents(protocol):
    rows = []
    for controller in protocol.controllers:
        done = sum(action.implemented for action in controller.actions)
        name = f"[{controller.name}](#{anchor(controller.name)})"
        rows.append((name, str(len(controller.actions)), str(done)))
    return table(("controller", "actions", "implemented"), rows)


def dialect_section(dialect):
    lines = [f"## Dialect: {dialect.name}", ""]
    lines += ["Paths stand behind the prefix that the configuration gives it.", ""]
    for action in dialect.actions:
        lines += [f"### {dialect.name} {action.name}", "", action.summary, ""]
        lines += [*map(route_line, action.routes), "", f"Result: `{action.result}`", ""]
    return lines


def errors_section(protocol):
    rows = []
    for error in protocol.errors:
        wire = f"`{error.id}`" if error.id else f"none ({error.name})"
        code = f"0x{error.code:08x}" if error.id else ""
        rows.append((wire, code, str(error.status), error.text.replace("\n", " ")))
    return ["## Errors", "", *table(("id", "code", "status", "text"), rows)]


def page(protocol):
    lines = ["# API reference", "", "Written by scripts/generate from protocol/.", ""]
    lines += contents(protocol)
    lines += ["## Without an action", ""]
    lines += [f"- `{r.verb} {r.path}` {summary}" for r, summary in protocol.special_routes]
    lines += ["", "## Any action may answer with", ""]
    lines += [", ".join(f"`{name}`" for name in protocol.common_errors), ""]
    lines += ["## Names used in results", ""]
    lines += table(("name", "is"), [(f"`{k}`", v) for k, v in protocol.types.items()])
    for controller in protocol.controllers:
        lines += [f"## {controller.name}", ""]
        for action in controller.actions:
            lines += action_section(controller, action)
        for ghost in controller.ghosts:
            lines.append(f"{route_line(ghost.route)} leads to no action and answers 404.")
        lines += [""] if controller.ghosts else []
    for dialect in protocol.dialects:
        lines += dialect_section(dialect)
    return "\n".join(lines + errors_section(protocol)) + "\n"
