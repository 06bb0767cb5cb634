#!/usr/bin/env python3
"""Makes files part of a program: embed.py NAME PREFIX OUT.c FILE... defines `const cir__embedded_file NAME[]`
(shared/embedded.h), each named PREFIX and its name without folder. The assembler takes the bytes in as they are."""
import hashlib
import pathlib
import sys

name, prefix, target, *sources = sys.argv[1:]
lines = ['#include "shared/embedded.h"', ""]
entries = []
for number, source in enumerate(map(pathlib.Path, sources)):
    symbol = f"{name}_{number}"
    content = source.read_bytes()
    lines += ["__asm__(\".pushsection .rodata\\n.balign 64\\n\"",
              f'        ".hidden {symbol}\\n.globl {symbol}\\n{symbol}:\\n"',
              f'        ".incbin \\"{source.resolve()}\\"\\n.byte 0\\n.popsection\\n");',
              f'extern const unsigned char {symbol}[] __attribute__((visibility("hidden")));', ""]
    # The digest tells versions apart, and has a changed file compiled anew.
    entries.append(f'    {{"{prefix}{source.name}", {symbol}, {len(content)}, "{hashlib.sha256(content).hexdigest()[:16]}"}},')
lines += [f"const cir__embedded_file {name}[] = {{", *entries, "    {0},", "};", ""]
pathlib.Path(target).write_text("\n".join([lines[0], f"\nextern const cir__embedded_file {name}[{len(entries) + 1}];", *lines[1:]]))
