"""The compact type notation of arguments: "string", "integer?=10", "enum(a|b)?"."""

import re
from dataclasses import dataclass

from .checks import refuse
from .text import snake

# notation -> (enum kdm_arg_type, what an error says was expected; None: left to api/args.c)
TYPES = {
    "string": ("KDM_ARG_TYPE_STRING", "string"),
    "integer": ("KDM_ARG_TYPE_INTEGER", "integer"),
    "number": ("KDM_ARG_TYPE_NUMBER", "number"),
    "boolean": ("KDM_ARG_TYPE_BOOLEAN", "boolean"),
    "array": ("KDM_ARG_TYPE_ARRAY", "array"),
    "object": ("KDM_ARG_TYPE_OBJECT", "object"),
    "strings": ("KDM_ARG_TYPE_STRINGS", "array"),
    "refresh": ("KDM_ARG_TYPE_REFRESH", None),
    "refresh-lenient": ("KDM_ARG_TYPE_REFRESH_LENIENT", None),
    "any": ("KDM_ARG_TYPE_ANY", None),
}
NOTATION = re.compile(r"([a-z-]+)(?:\(([^()]+)\))?(\?)?(?:=(.*))?")

# Names in action.h that an argument's constant must not repeat.
TAKEN = {"KDM_ARG_REQUIRED", "KDM_ARG_BODY"} | {name for name, _ in TYPES.values()}


@dataclass
class Arg:
    where: str
    name: str
    notation: str
    type: str  # enum kdm_arg_type
    required: bool
    values: list | None
    default: str | None  # for the documents; the action applies it
    expected: str | None
    alias: str | None  # another name it is taken from

    @property
    def in_body(self):
        return self.name.startswith("body.")

    @property
    def enum(self):
        return "KDM_ARG_" + snake(self.name).upper()


def read_arg(where, name, notation, alias):
    where = f'{where}: argument "{name}"'
    found = NOTATION.fullmatch(notation) if isinstance(notation, str) else None
    if found is None:
        refuse(where, f"cannot read the type {notation!r}")
    kind, values, optional, default = found.groups()
    if default is not None and not optional:
        refuse(where, "only an optional argument has a default")
    if kind == "enum" and values:
        values = values.split("|")
        c_type, expected = "KDM_ARG_TYPE_ENUM", None
        if default is not None and default not in values:
            refuse(where, f'the default "{default}" is none of the values')
    elif kind in TYPES and values is None:
        c_type, expected = TYPES[kind]
    else:
        refuse(where, f'unknown type "{notation}"')
    return Arg(where, name, notation, c_type, not optional, values, default, expected, alias)


def check_names(args):
    """No two names may become one constant; `args` are those of the whole protocol."""
    constants = {}
    for arg in args:
        if arg.enum in TAKEN or constants.setdefault(arg.enum, arg.name) != arg.name:
            refuse(arg.where, f"becomes {arg.enum}, which is taken")
