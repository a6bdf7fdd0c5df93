#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# order.py ROOT: the rooms of lib/ and tools/, and that no file includes what lies above its room. The order is the table
# below "## Rooms" in the README of each: a room may include those in the rows below its own; rooms in one row do not
# know each other. Two parts (x.hh and x.cc are one) may not include each other, directly or by way of others. No two
# headers have one name. What says std::uint64_t and the like comes to <cstdint> by our own includes: whether another
# header of the C++ library has it differs between compilers. order_test.py plants each of these faults and sees it found.
import os
import re
import sys

FIXED_WIDTH = re.compile(r'\bstd::u?int(?:8|16|32|64|ptr|max)_t\b')
INCLUDE = re.compile(r'\s*#\s*include\s*["<](?:(\w+)/)?([^">]+\.(?:hh|inc|h))[">]')


def sources(folder):
    return sorted(file for file in os.listdir(folder) if file.endswith(('.cc', '.hh', '.c', '.h', '.inc')))


def rooms_of(side):
    """The rank of each room, 0 being the highest, and the folders that stand beside the rooms."""
    chapter = open(f'{side}/README.md').read().split('\n## Rooms\n')[1].split('\n## ')[0]
    rows = [re.findall(r'`(\w+)`', line.split('|')[1]) for line in chapter.split('\n') if line.startswith('| `')]
    beside = re.findall(r'`(\w+)/`', ''.join(chapter.split('\nBeside them: ')[1:]))
    return {room: rank for rank, row in enumerate(rows) for room in row}, beside


def look_at(side, shared):
    """What is wrong in lib or tools. The files in `shared` are included by their bare names."""
    wrong, parts = [], {}
    rank, beside = rooms_of(side)
    for room, file in ((room, file) for room in rank for file in sources(f'{side}/{room}')):
        includes = parts.setdefault(f'{room}/{file.split(".")[0]}', set())
        for number, line in enumerate(open(f'{side}/{room}/{file}'), 1):
            include = INCLUDE.match(line)
            is_ours = include and ('"' in line or not include[2].endswith('.h')) and include[1] not in beside
            if not is_ours or not include[1] and include[2] in shared:
                continue
            there, name, at = include[1] or room, include[2], f'{side}/{room}/{file}:{number}'
            if there not in rank:
                wrong.append(f'{at}: no such room: {there}')
            elif name not in sources(f'{side}/{there}'):
                wrong.append(f'{at}: no such file: {there}/{name}')
            elif there != room and rank[there] <= rank[room]:
                wrong.append(f'{at}: up to {there}/{name}')
            else:
                includes.add(f'{there}/{name.split(".")[0]}')
        includes.discard(f'{room}/{file.split(".")[0]}')
    wrong += [f'{side}: include each other: {", ".join(circle)}' for circle in circles(parts)]
    for folder, _, _ in os.walk(side):
        if folder.split('/')[1:2] not in [[one] for one in beside] and folder not in [f'{side}/{room}' for room in rank]:
            wrong += [f'{folder}/{file}: in no room' for file in sources(folder)]
    return wrong


def circles(parts):
    below = {}  # all that a part includes, by way of others too
    for part in parts:
        below[part], coming = set(), [part]
        while coming:
            more = parts.get(coming.pop(), set()) - below[part]
            below[part] |= more
            coming += more
    return sorted({tuple(sorted(one for one in all_below if part in below.get(one, ())))
                   for part, all_below in below.items() if part in all_below})


def headers_of_one_name(folders):
    homes = {}
    for folder, _, files in (step for top in folders for step in os.walk(top)):
        for file in files:
            if file.endswith('.hh'):
                homes.setdefault(file, []).append(f'{folder}/{file}')
    return [f'one name for two: {", ".join(sorted(paths))}' for _, paths in sorted(homes.items()) if len(paths) > 1]


def without_cstdint(folders):
    """The files that use its types and do not come to it, neither themselves nor by the headers of ours they include."""
    texts = {f'{folder}/{file}': open(f'{folder}/{file}').read()
             for top in folders for folder, _, files in os.walk(top) for file in files
             if file.endswith(('.cc', '.hh', '.c', '.h', '.inc'))}
    homes = {}
    for path in texts:
        homes.setdefault(os.path.basename(path), []).append(path)
    wrong = []
    for path, text in sorted(texts.items()):
        if path.endswith('.inc') or not FIXED_WIDTH.search(text):  # (.inc has what it is included into)
            continue
        met, coming = {path}, [path]
        while coming and '#include <cstdint>' not in texts[coming[-1]]:
            for _, name in re.findall(r'#\s*include\s*(["<])([^">]+)[">]', texts[coming.pop()]):
                coming += [home for home in homes.get(os.path.basename(name), []) if home not in met]
                met.update(coming)
        if not coming:
            wrong.append(f'{path}: std::uint64_t or the like, and no <cstdint>')
    return wrong


os.chdir(sys.argv[1])
everywhere = ['lib', 'tools', 'tests']
faults = (look_at('lib', []) + look_at('tools', sources('lib/shared')) + headers_of_one_name(everywhere) +
          without_cstdint(everywhere))
print('\n'.join(faults) or 'no include goes up')
sys.exit(bool(faults))
