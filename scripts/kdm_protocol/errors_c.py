"""errors.gen.h and errors.gen.c: the enum and the rows behind base/err.h."""

from .text import BANNER, c_string


def header(protocol):
    lines = [
        BANNER,
        "#ifndef KDM_ERRORS_GEN_H",
        "#define KDM_ERRORS_GEN_H",
        "",
        "enum kdm_err {",
        "    KDM_OK = 0,",
    ]
    lines += [f"    {error.enum}," for error in protocol.errors]
    lines += [
        "};",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def row(error):
    wire_id = "NULL" if error.id is None else c_string(error.id)
    return (
        f"    [{error.enum}] = {{ {wire_id}, {error.code}u, {error.status}, {error.placeholders},\n"
        f"        {c_string(error.text)},\n"
        f"        {c_string(error.name)} }},"
    )


def source(protocol):
    lines = [
        BANNER,
        '#include "base/err.h"',
        "",
        "/* Indexed by enum kdm_err; the row of KDM_OK is empty. */",
        "const struct kdm_err_row kdm_err_rows[] = {",
    ]
    lines += [row(error) for error in protocol.errors]
    lines += [
        "};",
        "",
        "const size_t kdm_err_row_count = sizeof kdm_err_rows / sizeof kdm_err_rows[0];",
    ]
    return "\n".join(lines) + "\n"
