#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# join.py LIB OUTPUT DEPFILE SOURCE...: makes one C file of the sources and of all that they include by "name", as a
# compiler would see it: a header with `#pragma once` stands where it is included first. An #include of <name> stays.
#
# #line leads compilers and debuggers back: leakdir/trace/options.h is trace/options.h of LIB, which is lib/ here and
# share/leakdir/src/ where leakdir is installed. (gdb: set substitute-path leakdir PREFIX/share/leakdir/src)
import os, re, sys

lib, output, depfile, *sources = sys.argv[1:]
once, parts = set(), {}

def paste(path):
    """The text of a file below LIB, with what it includes, and the directive that names it."""
    text = parts.setdefault(path, open(f'{lib}/{path}').read())
    name = f'leakdir/{path}'
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(text.splitlines(), 1):
        include = re.fullmatch(r'#include "([^"]+)"', line)
        if line == '#pragma once':
            once.add(path)
            line = ''
        elif include:
            beside = f'{os.path.dirname(path)}/{include[1]}'
            there = beside if os.path.exists(f'{lib}/{beside}') else include[1]
            line = '' if there in once else '\n'.join([*paste(there), f'#line {number + 1} "{name}"'])
        lines.append(line)
    return lines

lines = ['/* SPDX-License-Identifier: BSL-1.0',
         ' *',
         ' * leakdir_trace.c, made by lib/trace/join.py from the files that the #line directives name: of leakdir\'s sources',
         ' * leakdir/trace/options.h is lib/trace/options.h, and where it is installed share/leakdir/src/trace/options.h.',
         ' * Changes belong there.',
         ' */']
for source in sources:
    lines += paste(os.path.relpath(source, lib))
with open(output, 'w') as file:
    file.write('\n'.join(lines) + '\n')
with open(depfile, 'w') as file:
    made_of = [f'{lib}/{path}'.replace(' ', '\\ ') for path in [*parts, 'trace/join.py']]
    file.write(f'{output}: {" ".join(made_of)}\n')
