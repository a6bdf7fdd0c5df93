#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# registered.py ROOT BUILD: nothing lies in tests/ that no list names, and would never run: each *_test.cc and *_fuzz.cc
# stands in the meson.build beside it, each fuzz target is one of fuzz/run.sh too, each program of targets/ is used by a
# test, each script is run by a meson.build, a test or a script, or tests/README.md says what for, and each folder has its
# line there, and no other has. And plain `ninja` builds what the tests need: until meson 1.7 it built all of it, since
# then what is built by default alone.
import json
import os
import re
import sys

build = os.path.abspath(sys.argv[2])
os.chdir(sys.argv[1])
wrong = []
files = [f'{folder}/{file}' for folder, _, names in os.walk('tests') for file in names if '__pycache__' not in folder]
texts = {file: open(file).read() for file in files + ['tools/test.sh', 'tools/bench.sh', 'README.md']
         if file.endswith(('.cc', '.sh', '.py', 'meson.build', '.md'))}


def named_in(word, among):
    return any(re.search(rf'(?<![\w.-]){re.escape(word)}\b', text) for file, text in texts.items() if among(file))


def used(stem):
    """Whether a test names the program, whole or with a suffix: "leaks", "leaks.c", "reloaded_a.so"."""
    return any(re.search(rf'["/]{stem}(?:_\w*)?["./]', text) for file, text in texts.items()
               if file.endswith('.cc') and not file.startswith('tests/targets/'))


for file in sorted(files):
    folder, name = os.path.split(file)
    test = re.fullmatch(r'(\w+)_(test|fuzz)\.cc', name)
    if test and not re.search(rf"'({test[1]}|{name})'", texts.get(f'{folder}/meson.build', '')):
        wrong.append(f'{file} is not in the meson.build beside it')
    if test and test[2] == 'fuzz' and not named_in(test[1], 'tests/fuzz/run.sh'.__eq__):
        wrong.append(f'{file} is not among the targets of tests/fuzz/run.sh')
    stem, _, kind = name.partition('.')
    if folder == 'tests/targets' and kind in ('c', 'cc') and not used(stem):
        wrong.append(f'{file} is used by no test')
    if kind in ('sh', 'py') and not named_in(name, lambda other: other != file and other != 'README.md'):
        wrong.append(f'{file} is run by nobody')

readme = texts['tests/README.md']
told = set(re.findall(r'^\| `(\w+)/` \|', readme, re.M)) | set(re.findall(r'^- `(\w+)/', readme, re.M))
there = {folder for folder in os.listdir('tests') if os.path.isdir(f'tests/{folder}')}
wrong += [f'tests/README.md does not name {folder}/' for folder in sorted(there - told)]
wrong += [f'tests/README.md names {folder}/, which is not there' for folder in sorted(told - there)]


def introspected(what):
    with open(f'{build}/meson-info/intro-{what}.json') as file:
        return json.load(file)


targets = {target['id']: target for target in introspected('targets')}
needed = {name for test in introspected('tests') for name in test['depends']}
wrong += sorted(f"{targets[name]['name']} is needed by a test and is not built by default" for name in needed
                if not targets[name]['build_by_default'])
print('\n'.join(wrong) or f'{len(files)} files of tests/ have their use')
sys.exit(bool(wrong))
