"""protocol/errors/*.json: the errors, each with what the wire shows of it."""

from dataclasses import dataclass

from .checks import read_object, refuse, take

DOMAINS = {
    "core": 0,
    "services": 1,
    "api": 2,
    "network": 3,
    "plugin": 4,
    "validation": 5,
    "protocol": 6,
    "security": 7,
    "cluster": 8,
}
OWN_CODES = 0xF001  # the last 16 bits of a code of our own; Kuzzle's are far below


@dataclass
class Error:
    name: str
    id: str | None  # None: the wire shows neither id nor code
    code: int
    status: int
    placeholders: int
    text: str
    where: str
    enum: str


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
    if code >> 24 != DOMAINS.get(name.split(".")[0]):
        refuse(where, f"the code {code} is not of the name's domain")
    if own != (code & 0xFFFF >= OWN_CODES):
        refuse(where, f"the code {code} is in the wrong range")


def read_error(path, name, row):
    where = f'{path}: "{name}"'
    known = {"id": type(None), "code": int, "status": int, "placeholders": int, "text": str}
    take(where, row, known, ("status", "placeholders", "text"))
    if ("id" in row) == ("code" in row):
        refuse(where, 'has either a "code" or the "id" null (neither id nor code on the wire)')
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
        where=where,
        enum="KDM_ERR_" + name.upper().replace(".", "_").replace("-", "_"),
    )


def check_sub_domains(errors):
    """One sub-domain, one number; one code, one error."""
    numbers, codes = {}, {}
    for error in errors:
        if error.id is None:
            continue
        sub_domain = error.name.rsplit(".", 1)[0]
        if numbers.setdefault(sub_domain, error.code >> 16) != error.code >> 16:
            refuse(error.where, "the code has the number of another sub-domain")
        if codes.setdefault(error.code, error) is not error:
            refuse(error.where, f'the code is that of "{codes[error.code].name}"')


def read_errors(folder):
    """All errors, sorted by name."""
    errors, enums = [], {}
    for path in sorted(folder.glob("*.json")):
        document = take(path, read_object(path), {"about": str, "errors": dict}, ("errors",))
        errors += [read_error(path, name, row) for name, row in document["errors"].items()]
    for error in errors:
        if enums.setdefault(error.enum, error) is not error:
            refuse(error.where, f"is also in {enums[error.enum].where}")
    check_sub_domains(errors)
    return sorted(errors, key=lambda error: error.name)
