#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
#
# Counts GoogleTest cases in meson's testlog.json and prints "N passed, N failed" as its last line. Ends with 1 when
# anything failed. A program that crashed, hung or could not start counts as failed in the case it was in, or as one.

import json
import re
import sys

ENDED = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\S+?)(?:,| \(|$)")
BEGAN = re.compile(r"^\[ RUN +\] (\S+)")


def cases_of(output):
    """The outcome of each case by name; a case that began and never ended has FAILED."""
    outcome = {}
    for line in output.splitlines():
        # A test's own output may stand before gtest's on the same line.
        at = max(line.find("[ RUN"), line.find("[       OK"), line.find("[  FAILED"), line.find("[  SKIPPED"))
        line = line[at:] if at > 0 else line
        if began := BEGAN.match(line):
            outcome[began[1]] = "FAILED"
        elif (ended := ENDED.match(line)) and ended[2] in outcome:
            outcome[ended[2]] = ended[1]
    return outcome


def main(path):
    passed = failed = skipped = 0
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            programs = [json.loads(line) for line in log]
    except OSError as error:
        print(f"no test ran: {error}")
        programs = []
        failed = 1
    for program in programs:
        outcome = cases_of(program.get("stdout", ""))
        ok = program["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
        counts = {name: list(outcome.values()).count(name) for name in ("OK", "FAILED", "SKIPPED")}
        if not outcome:  # not GoogleTest: the program is the case
            counts["OK" if ok else "FAILED"] += 1
        elif not ok and counts["FAILED"] == 0:  # crashed between cases, or after the last
            counts["FAILED"] += 1
        for name, result in outcome.items():
            if result == "FAILED":
                print(f"failed: {program['name']}: {name}")
        if not outcome and not ok or not ok and "FAILED" not in outcome.values():
            print(f"failed: {program['name']}: {program['result']}")
        passed += counts["OK"]
        failed += counts["FAILED"]
        skipped += counts["SKIPPED"]
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
