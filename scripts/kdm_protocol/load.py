"""Reads protocol/ and checks it; whatever is not understood is refused with its file and key."""

import json
from dataclasses import dataclass, field

ERROR_DOMAINS = {
    "core": 0, "services": 1, "api": 2, "network": 3, "plugin": 4,
    "validation": 5, "protocol": 6, "security": 7, "cluster": 8,
}  # fmt: skip
OWN_CODES = 0xF001  # the last 16 bits of a code of our own; Kuzzle's are far below


class Refused(Exception):
    """A file of protocol/ that cannot be used; the text names the file and the key."""


@dataclass
class Error:
    name: str
    id: str | None
    code: int
    status: int
    placeholders: int
    text: str
    source: str
    enum: str


@dataclass
class Protocol:
    errors: list = field(default_factory=list)
    controllers: list = field(default_factory=list)
    actions: list = field(default_factory=list)


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
        if not isinstance(value, known[key]) or (
            isinstance(value, bool) and known[key] is int
        ):
            refuse(where, f'"{key}" has the wrong type')
    for key in required:
        if key not in row:
            refuse(where, f'"{key}" is missing')
    return row


# errors


def count_placeholders(where, text):
    """%1 to %n, each there at least once."""
    count = 0
    while f"%{count + 1}" in text:
        count += 1
    for number in range(count + 1, 10):
        if f"%{number}" in text:
            refuse(where, f"has %{number} but no %{count + 1}")
    return count


def check_code(where, name, code, own):
    """code = domain << 24 | sub-domain << 16 | error, the domain being the name's first part."""
    if code >> 24 != ERROR_DOMAINS.get(name.split(".")[0]):
        refuse(where, f"the code {code} is not of the name's domain")
    if own != (code & 0xFFFF >= OWN_CODES):
        refuse(where, f"the code {code} is in the wrong range")


def one_error(path, name, row):
    where = f'{path}: "{name}"'
    take(
        where, row,
        {"id": type(None), "code": int, "status": int, "placeholders": int, "text": str},
        ("status", "placeholders", "text"),
    )  # fmt: skip
    if ("id" in row) == ("code" in row):
        refuse(where, 'has either a "code" or the "id" null (nothing but text on the wire)')
    if "code" in row:
        check_code(where, name, row["code"], own=path.name == "kdm.json")
    if count_placeholders(where, row["text"]) != row["placeholders"]:
        refuse(where, "the text has another number of placeholders")
    return Error(
        name=name,
        id=None if "id" in row else name,
        code=row.get("code", 0),
        status=row["status"],
        placeholders=row["placeholders"],
        text=row["text"],
        source=path.stem,
        enum="KDM_ERR_" + name.upper().replace(".", "_").replace("-", "_"),
    )


def check_sub_domains(errors):
    """One sub-domain, one number; one code, one error."""
    numbers, codes = {}, {}
    for error in errors:
        if error.id is None:
            continue
        prefix = error.name.rsplit(".", 1)[0]
        if numbers.setdefault(prefix, error.code >> 16) != error.code >> 16:
            refuse(error.source, f'"{error.name}" has the number of another sub-domain')
        if codes.setdefault(error.code, error) is not error:
            refuse(error.source, f'"{error.name}" has the code of "{codes[error.code].name}"')


def errors_of(folder):
    errors, enums = [], {}
    for path in sorted(folder.glob("*.json")):
        document = take(path, read_object(path), {"about": str, "errors": dict}, ("errors",))
        errors += [one_error(path, name, row) for name, row in document["errors"].items()]
    for error in errors:
        if enums.setdefault(error.enum, error) is not error:
            refuse(error.source, f'"{error.name}" is there twice')
    check_sub_domains(errors)
    return sorted(errors, key=lambda error: error.name)


def protocol(folder):
    result = Protocol()
    result.errors = errors_of(folder / "errors")
    return result
