#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Puts the page of `leakdir report --format html` together: make_page.py OUT.cc HTML CSS JS D3 FLAMEGRAPH LICENCE

What comes out is C++: the page up to the report, and the rest of it. Only the scripts that are in it here may run, by
their hashes in its Content-Security-Policy: whatever a name in a report looks like, it is no script.
"""

import base64
import hashlib
import re
import sys


def literal(text):
    """As a C++ string literal, in lines."""
    escapes = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("?"): "\\?"}
    parts = [escapes.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode()]
    lines = ("".join(parts[i : i + 100]) for i in range(0, len(parts), 100))
    return "\n".join(f'    "{line}"' for line in lines)


def main():
    out, *files = sys.argv[1:]
    page, style, script, d3, flamegraph, licence = (open(name, encoding="utf-8").read() for name in files)
    scripts = [d3, flamegraph, script]
    for text in scripts + [style]:
        if re.search("</(script|style)|<!--", text, re.IGNORECASE):
            sys.exit("make_page.py: a script or style would end too early in a page")
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    page = page.replace("@SCRIPT_HASHES@", " ".join(f"'sha256-{digest}'" for digest in hashes))
    notice = (
        "In this page: d3\n\n" + licence.strip().replace("--", "- -") +
        "\n\nand d3-flame-graph, Copyright Martin Spier and contributors, Apache License 2.0,"
        "\nhttps://www.apache.org/licenses/LICENSE-2.0\n")
    for name, text in (("STYLE", style), ("LICENCES", notice), ("D3", d3), ("FLAMEGRAPH", flamegraph), ("SCRIPT", script)):
        page = page.replace(f"@{name}@", text, 1)
    before, after = page.split("@REPORT@")
    with open(out, "w", encoding="ascii") as file:
        file.write(
            "// Made by tools/html/make_page.py.\n\n"
            '#include "emit/html_page.hh"\n\n'
            "namespace leakdir::tool {\n\n"
            f"const std::string_view kPageBeforeReport =\n{literal(before)};\n\n"
            f"const std::string_view kPageAfterReport =\n{literal(after)};\n\n"
            "}  // namespace leakdir::tool\n")


main()
