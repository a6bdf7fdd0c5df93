#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# terminal_to_svg.py TITLE <TEXT >SVG: a terminal's text, with its colours (SGR), as a picture.
import html, re, sys

CHARACTER, LINE, MARGIN, BAR = 8.4, 20, 20, 36  # pixels; a character of 14 px in most fixed fonts is 8.4 wide
COLOURS = {31: '#b3261e', 32: '#1b6e3c', 33: '#8a5a00', 34: '#1a56b0', 35: '#8b3a8b', 36: '#0b6b75', 90: '#6b7280'}

def style_of(codes, style):
    for code in codes:
        if code == 0: style = {}
        elif code == 1: style = {**style, 'font-weight': 'bold'}
        elif code == 2: style = {**style, 'fill': '#6b7280'}
        elif code in COLOURS: style = {**style, 'fill': COLOURS[code]}
        elif code == 39: style = {k: v for k, v in style.items() if k != 'fill'}
        elif code == 22: style = {k: v for k, v in style.items() if k != 'font-weight'}
    return style

lines, style = sys.stdin.read().rstrip('\n').split('\n'), {}
columns = max(len(re.sub(r'\x1b\[[\d;]*m', '', line)) for line in lines)
width, height = round(columns * CHARACTER + 2 * MARGIN), len(lines) * LINE + BAR + 2 * MARGIN
print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">')
print(f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="#fdfdfc" stroke="#d4d4d0"/>')
print(f'<path d="M.5 {BAR}h{width - 1}" stroke="#e4e4e0"/>')
for place, colour in enumerate(('#e5695f', '#e3b341', '#57ab5a')):
    print(f'<circle cx="{20 + 20 * place}" cy="{BAR / 2}" r="6" fill="{colour}"/>')
print(f'<text x="{width / 2}" y="{BAR / 2 + 5}" text-anchor="middle" font-family="system-ui,sans-serif" font-size="13" '
      f'fill="#6b7280">{html.escape(sys.argv[1])}</text>')
print('<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" font-size="14" '
      'fill="#24292f" xml:space="preserve">')
for number, line in enumerate(lines):
    y, column = BAR + MARGIN + LINE * number + 15, 0
    for codes, text in re.findall(r'(?:\x1b\[([\d;]*)m)|([^\x1b]+)', line):
        if not text:
            style = style_of([int(code or 0) for code in codes.split(';')], style)
            continue
        if text.strip():
            # Each piece has its place and its length, so that any font keeps the columns.
            lead = len(text) - len(text.lstrip(' '))
            shown = text.strip(' ')
            looks = ''.join(f' {name}="{value}"' for name, value in style.items())
            print(f'<text x="{MARGIN + CHARACTER * (column + lead):.1f}" y="{y}" '
                  f'textLength="{CHARACTER * len(shown):.1f}"{looks}>{html.escape(shown)}</text>')
        column += len(text)
print('</g>\n</svg>')
