"""How a file of protocol/ is read, and how one is refused."""

import json


class Refused(Exception):
    """A file of protocol/ that cannot be used; the text names the file and the key."""


def refuse(where, why):
    raise Refused(f"{where}: {why}")


def read_object(path):
    """The file's JSON object; a key that is there twice is refused, as JSON itself would not."""

    def pairs(items):
        seen = {}
        for key, value in items:
            if key in seen:
                refuse(path, f'the key "{key}" is there twice')
            seen[key] = value
        return seen

    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=pairs)
    except ValueError as error:
        refuse(path, f"no JSON: {error}")
    if not isinstance(value, dict):
        refuse(path, "not an object")
    return value


def take(where, row, known, required=()):
    """Checks the members of an object: `known` maps each name to its Python type."""
    if not isinstance(row, dict):
        refuse(where, "not an object")
    for key, value in row.items():
        if key not in known:
            refuse(where, f'unknown key "{key}"')
        if not isinstance(value, known[key]) or (known[key] is int and isinstance(value, bool)):
            refuse(where, f'"{key}" has the wrong type')
    for key in required:
        if key not in row:
            refuse(where, f'"{key}" is missing')
    return row


def take_strings(where, values):
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        refuse(where, "not a list of strings")
    if len(set(values)) != len(values):
        refuse(where, "names something twice")
    return values
