#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# links.py ROOT: each link and picture on the project's pages leads to a file, and to a heading of it, that are there.
import glob, os, re, sys

os.chdir(sys.argv[1])
pages = [page for page in glob.glob('**/*.md', recursive=True) + glob.glob('.github/**/*.md', recursive=True)
         if not page.startswith(('build', 'subprojects'))]

def text_of(page): return re.sub(r'^```.*?^```', '', open(page).read(), flags=re.S | re.M)

def anchors_of(page):  # as GitHub makes them
    headings = re.findall(r'^#+ (.*)', text_of(page), re.M)
    return [re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings]

wrong, links = [], 0
for page in sorted(set(pages)):
    for link in re.findall(r'\]\(([^)\s]+)\)', text_of(page)):
        if re.match(r'\w+:', link): continue
        links += 1
        path, _, anchor = link.partition('#')
        to = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(to): wrong.append(f'{page}: {link}: no such file')
        elif anchor and anchor not in anchors_of(to): wrong.append(f'{page}: {link}: no such heading')
if links == 0: wrong.append('no link was found')
print('\n'.join(wrong) or f'{links} links lead somewhere')
sys.exit(bool(wrong))
