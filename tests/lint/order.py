#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# order.py ROOT: the rooms of lib/ and tools/, and that no file includes what lies above its room. The order is the table
# below "## Rooms" in the README of each: a room may include those in the rows below its own; rooms in one row do not
# know each other. Nor may two parts (x.hh and x.cc are one) include each other, directly or by way of others.
import os, re, sys

root, wrong = sys.argv[1], []
for side, beside in ('lib', []), ('tools', os.listdir(f'{root}/lib/shared')):
    table = open(f'{root}/{side}/README.md').read().split('\n## Rooms\n')[1].split('\n## ')[0]
    rows = [re.findall(r'`(\w+)`', line.split('|')[1]) for line in table.split('\n') if line.startswith('| `')]
    rank = {room: place for place, row in enumerate(rows) for room in row}
    known = {}  # which parts a part includes
    for room in rank:
        for file in sorted(os.listdir(f'{root}/{side}/{room}')):
            if not file.endswith(('.cc', '.hh', '.inc')): continue
            part = known.setdefault(f'{room}/{file.rsplit(".")[0]}', set())
            for number, line in enumerate(open(f'{root}/{side}/{room}/{file}'), 1):
                include = re.match(r'#include "(?:(\w+)/)?(\S+)"', line)
                if not include or include[1] == 'include': continue  # the public header, beside all rooms
                there, name = include[1] or room, include[2]
                if not include[1] and name in beside and not os.path.exists(f'{root}/{side}/{room}/{name}'): continue
                if there not in rank: wrong.append(f'{side}/{room}/{file}:{number}: no such room: {there}')
                elif there != room and rank[there] <= rank[room]: wrong.append(f'{side}/{room}/{file}:{number}: up to {there}/{name}')
                else: part.add(f'{there}/{name.rsplit(".")[0]}')
    while leaves := [part for part, below in known.items() if not (below - {part}) & known.keys()]:
        for part in leaves: del known[part]
    if known: wrong.append(f'{side}: include each other: ' + ', '.join(sorted(known)))
    outside = [f for f in os.listdir(f'{root}/{side}') if f.endswith(('.cc', '.hh', '.inc'))]
    wrong += [f'{side}/{file}: in no room' for file in outside]
print('\n'.join(wrong) or 'no include goes up')
sys.exit(bool(wrong))
