#!/usr/bin/env python3
"""Turns a file into a C source with its bytes: embed.py FILE NAME OUT.c defines `const unsigned char NAME[]`, ended by a zero."""
import pathlib
import sys

source, name, target = sys.argv[1:]
content = pathlib.Path(source).read_bytes() + b"\0"
rows = [", ".join(map(str, content[i:i + 32])) for i in range(0, len(content), 32)]
pathlib.Path(target).write_text(
    f"extern const unsigned char {name}[{len(content)}];\nconst unsigned char {name}[{len(content)}] = {{\n" + ",\n".join(rows) + "};\n")
