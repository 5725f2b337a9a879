"""Text as C wants it."""

BANNER = "/* Written by scripts/generate from protocol/. Do not edit. */"


def c_string(text):
    """A C string literal: ASCII, everything else as octal bytes (they end after three digits)."""
    out = []
    for byte in text.encode("utf-8"):
        if byte in b'"\\':
            out.append("\\" + chr(byte))
        elif byte == 0x0A:
            out.append("\\n")
        elif 0x20 <= byte < 0x7F:
            out.append(chr(byte))
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def snake(name):
    """mCreateOrReplace -> m_create_or_replace; dots, slashes and dashes become underscores."""
    out = []
    for at, char in enumerate(name):
        if char.isupper():
            if at and (name[at - 1].islower() or name[at - 1].isdigit()):
                out.append("_")
            out.append(char.lower())
        elif char.isalnum() or char == "_":
            out.append(char)
        else:
            out.append("_")
    return "".join(out)
