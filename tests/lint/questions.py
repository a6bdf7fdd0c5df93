#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# questions.py ROOT: the files that CONTRIBUTING.md names as answers ("Where is it decided?") are there: twenty, each once.
import os, re, sys

root = sys.argv[1]
page = open(f'{root}/.github/CONTRIBUTING.md').read().split('\n## Where is it decided?\n')[1].split('\n## ')[0]
answers = [re.fullmatch(r'`([\w/.]+)`', line.rsplit('|', 2)[1].strip()) for line in page.split('\n')
           if line.startswith('| ') and not line.startswith('| where is')]
files = [answer[1] for answer in answers if answer]
wrong = [f'{file}: not there' for file in files if not os.path.isfile(f'{root}/{file}')]
wrong += [f'{file}: answers twice' for file in sorted(set(files)) if files.count(file) > 1]
if len(files) != 20 or len(answers) != 20: wrong.append(f'{len(answers)} questions with {len(files)} answers, not 20')
print('\n'.join(wrong) or 'each answer is there')
sys.exit(bool(wrong))
