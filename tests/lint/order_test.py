#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# order_test.py ROOT BUILD: order.py finds what is planted into a copy of the sources, one fault after the other, says
# where it is, and says nothing else of it. And the compiler keeps the tool out of the object: the folders in which the
# tool's sources are compiled have lib/shared and no other room of lib/.
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

root, build = sys.argv[1:]
order = f'{root}/tests/lint/order.py'

# What is added, (file, text), to a file that may not be there yet; and what must be said of it. A planted include is
# the last line of its file: LINE is its number.
PLANTED = [
    # An include that goes up, and one to the room beside.
    ([('lib/system/sys.cc', '#include "entry/hooks.hh"')], 'lib/system/sys.cc:LINE: up to entry/hooks.hh'),
    ([('lib/shared/record.hh', '#include "system/base.hh"')], 'lib/shared/record.hh:LINE: up to system/base.hh'),
    ([('lib/shared/options.inc', '  #  include "system/base.hh"')], 'lib/shared/options.inc:LINE: up to system/base.hh'),
    ([('lib/system/sys.cc', '#include <entry/hooks.hh>')], 'lib/system/sys.cc:LINE: up to entry/hooks.hh'),
    ([('lib/walk/fast_walk.cc', '#include "ledger/owner.hh"')], 'lib/walk/fast_walk.cc:LINE: up to ledger/owner.hh'),
    ([('lib/ledger/owner.cc', '#include "walk/fast_walk.hh"')], 'lib/ledger/owner.cc:LINE: up to walk/fast_walk.hh'),
    ([('tools/load/load.cc', '#include "analyse/group.hh"')], 'tools/load/load.cc:LINE: up to analyse/group.hh'),
    ([('tools/base/words.hh', '#include "emit/emit.hh"')], 'tools/base/words.hh:LINE: up to emit/emit.hh'),
    # The tool wants more of lib/ than lib/shared, in any of the ways to write it.
    ([('tools/load/load.cc', '#include "system/sys.hh"')], 'tools/load/load.cc:LINE: no such room: system'),
    ([('tools/load/load.cc', '#include "sys.hh"')], 'tools/load/load.cc:LINE: no such file: load/sys.hh'),
    ([('tools/load/load.cc', '#include "shared/ledger.hh"')], 'tools/load/load.cc:LINE: no such room: shared'),
    ([('tools/load/load.cc', '#include "../../lib/system/sys.hh"')],
     'tools/load/load.cc:LINE: no such file: load/../../lib/system/sys.hh'),
    ([('lib/system/sys.cc', '#include "load/load.hh"')], 'lib/system/sys.cc:LINE: no such room: load'),
    # A file that lies in no room: beside them, in a folder that is none, in a folder of a room.
    ([('lib/stray.cc', '')], 'lib/stray.cc: in no room'),
    ([('tools/stray.hh', '')], 'tools/stray.hh: in no room'),
    ([('lib/attic/stray.hh', '')], 'lib/attic/stray.hh: in no room'),
    ([('tools/attic/stray.cc', '')], 'tools/attic/stray.cc: in no room'),
    ([('tools/emit/html/stray.inc', '')], 'tools/emit/html/stray.inc: in no room'),
    # A circle inside a room, directly, by way of a third, and by way of another room that knows nothing of it.
    ([('tools/load/ring_a.hh', '#include "ring_b.hh"'), ('tools/load/ring_b.cc', '#include "ring_a.hh"'),
      ('tools/load/ring_b.hh', '')], 'tools: include each other: load/ring_a, load/ring_b'),
    ([('lib/stack/ring_a.hh', '#include "ring_b.hh"'), ('lib/stack/ring_b.hh', '#include "stack/ring_c.hh"'),
      ('lib/stack/ring_c.hh', '#include "ring_a.hh"'), ('lib/stack/outside.cc', '#include "ring_a.hh"')],
     'lib: include each other: stack/ring_a, stack/ring_b, stack/ring_c'),
    # A header that has <cstdint> by chance, and one that has it by way of another.
    ([('tools/load/width.hh', 'std::uint8_t width();')], 'tools/load/width.hh: std::uint64_t or the like, and no <cstdint>'),
    ([('tools/load/width_a.hh', '#include "width_b.hh"'), ('tools/load/width_b.hh', '#include <string>'),
      ('tools/load/width_a.cc', '#include "width_a.hh"\nstd::intptr_t width;')],
     'tools/load/width_a.cc: std::uint64_t or the like, and no <cstdint>'),
    # Two headers of one name.
    ([('tests/support/words.hh', '')], 'one name for two: tests/support/words.hh, tools/base/words.hh'),
    ([('tools/load/sys.hh', '')], 'one name for two: lib/system/sys.hh, tools/load/sys.hh'),
]


def what_order_says(of):
    run = subprocess.run([sys.executable, order, of], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.stderr or run.returncode not in (0, 1):
        sys.exit(f'order.py ends with {run.returncode}:\n{run.stdout}{run.stderr}')
    faults = set(run.stdout.splitlines()) - {'no include goes up'}
    assert bool(faults) == bool(run.returncode), run.stdout
    return faults


def plant(copy, additions):
    """Adds to the files; gives what undoes it, and the number of the first line that was added."""
    undo, first_line = [], None
    for path, text in additions:
        file = f'{copy}/{path}'
        before = open(file).read() if os.path.exists(file) else None
        made = not os.path.isdir(os.path.dirname(file))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, 'a') as grown:
            grown.write(text + '\n')
        first_line = first_line or (before or '').count('\n') + 1
        undo.append((file, before, made))
    return undo, first_line


def take_away(undo):
    for file, before, made in reversed(undo):
        if before is None:
            os.unlink(file)
        else:
            with open(file, 'w') as as_it_was:
                as_it_was.write(before)
        if made:
            os.rmdir(os.path.dirname(file))


def finds_what_is_planted():
    wrong = []
    with tempfile.TemporaryDirectory() as copy:
        for side in 'lib', 'tools', 'tests/support':
            shutil.copytree(f'{root}/{side}', f'{copy}/{side}')
        before = what_order_says(copy)
        for additions, message in PLANTED:
            undo, line = plant(copy, additions)
            expected, said = message.replace('LINE', str(line)), what_order_says(copy)
            if said - before != {expected} or before - said:
                wrong.append(f'planted: {additions}\nexpected: {expected}\nsaid: {sorted(said - before)}')
            take_away(undo)
        if what_order_says(copy) != before:
            wrong.append('what was planted is not taken away')
    return wrong


def the_compiler_finds_lib_shared_alone():
    """Each set of flags that a source of the tool is compiled with, tried on each header of lib/."""
    headers = [(room, file) for room in sorted(os.listdir(f'{root}/lib')) if os.path.isdir(f'{root}/lib/{room}')
               for file in sorted(os.listdir(f'{root}/lib/{room}')) if file.endswith(('.hh', '.inc'))]
    others = [(room, file) for room, file in headers if room != 'shared']
    assert len(others) > 30 and ('shared', 'ledger.hh') in headers, headers
    ways = set()
    for entry in json.load(open(f'{build}/compile_commands.json')):
        source = os.path.realpath(os.path.join(entry['directory'], entry['file']))
        if not source.startswith(os.path.realpath(root) + '/tools/') or not source.endswith('.cc'):
            continue
        words = shlex.split(entry['command'])
        words = words[:words.index('-MD')] if '-MD' in words else words[:words.index('-o')]
        ways.add((entry['directory'], *words))
    assert ways, 'the tool is not built here'
    wrong = []
    for directory, *compiler in sorted(ways):
        probe = ''.join(f'#if __has_include("{name}")\nfound: {name}\n#endif\n'
                        for room, file in headers for name in ([file] if room == 'shared' else [file, f'{room}/{file}']))
        run = subprocess.run([*compiler, '-E', '-P', '-x', 'c++', '-'], input=probe, cwd=directory,
                             stdout=subprocess.PIPE, text=True, check=True)
        found = set(run.stdout.replace('found: ', '').split())
        if found != {file for room, file in headers if room == 'shared'}:
            wrong.append(f'{shlex.join(compiler)}\nfinds: {sorted(found)}')
        includes = subprocess.run([*compiler, '-fsyntax-only', '-x', 'c++', '-'], input='#include "system/sys.hh"\n',
                                  cwd=directory, stderr=subprocess.PIPE, text=True, env={**os.environ, 'LC_ALL': 'C'})
        if includes.returncode == 0 or 'system/sys.hh: No such file' not in includes.stderr:
            wrong.append(f'{shlex.join(compiler)}\ncompiles #include "system/sys.hh": {includes.stderr}')
    return wrong


faults = finds_what_is_planted() + the_compiler_finds_lib_shared_alone()
print('\n\n'.join(faults) or f'{len(PLANTED)} planted faults found; the tool is compiled with lib/shared alone')
sys.exit(bool(faults))
