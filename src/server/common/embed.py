#!/usr/bin/env python3
"""Turns files into a C source with their bytes: embed.py NAME OUT.c FILE... defines `const cir__embedded_file NAME[]`
(server/common/embedded.h). The program's files go this way, which works with any compiler; the library's large ones by base/embed.h."""
import hashlib
import pathlib
import sys

name, target, *sources = sys.argv[1:]
lines = ['#include "server/common/embedded.h"', ""]
entries = []
for number, source in enumerate(map(pathlib.Path, sources)):
    content = source.read_bytes()
    data = content + b"\0"
    rows = [", ".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)]
    lines.append(f"static const unsigned char bytes_{number}[{len(data)}] = {{\n" + ",\n".join(rows) + "};\n")
    entries.append(f'    {{"{source.name}", bytes_{number}, {len(content)}, "{hashlib.sha256(content).hexdigest()[:16]}"}},')
lines += [f"extern const cir__embedded_file {name}[{len(entries) + 1}];",
          f"const cir__embedded_file {name}[{len(entries) + 1}] = {{", *entries, "    {0},", "};", ""]
pathlib.Path(target).write_text("\n".join(lines))
