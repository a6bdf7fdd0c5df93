# SPDX-License-Identifier: BSL-1.0
"""gdb commands for a program that has leakdir in it: `source leakdir.py` in gdb, or -x leakdir.py.

  info leakdir [ARGUMENTS]        what `leakdir report` says of the process, or of the one that left the core
  leakdir why EXPRESSION          who holds the block that a pointer leads into (leakdir why)
  leakdir COMMAND [ARGUMENTS]     another command of the tool on its directory: `leakdir report --held`

The record directory is found by the ledger that the process has mapped. The tool is `leakdir` in PATH, or what
`set leakdir-tool PATH` says. Kinds and holders are looked for in a core: a stopped program's is made in a temporary
directory, without what leakdir and the program have reserved and never used.
"""

import os
import re
import shutil
import subprocess
import tempfile

import gdb


class Tool(gdb.Parameter):
    """The path of the command-line tool `leakdir`."""

    set_doc = "Set the path of the tool leakdir."
    show_doc = "Show the path of the tool leakdir."

    def __init__(self):
        super().__init__("leakdir-tool", gdb.COMMAND_SUPPORT, gdb.PARAM_FILENAME)
        self.value = "leakdir"

    def get_set_string(self):
        return ""

    def get_show_string(self, value):
        return "The tool leakdir is " + value + "."


TOOL = Tool()
LOOKS = ("why", "--held", "--lost", "--kinds")  # what needs the memory of the process, beside the ledger


def output_of(command):
    """What a command of gdb's prints; its error as one of ours."""
    return gdb.execute(command, to_string=True)


def record_directory():
    """The directory whose ledger the process has mapped."""
    if gdb.selected_inferior().pid == 0 and core_file() is None:
        raise gdb.GdbError("There is no process, and no core.")
    for line in output_of("info proc mappings").splitlines():
        found = re.search(r"\s(/.*)/\.ledger( \(deleted\))?\s*$", line)  # (gdb 16 writes a blank behind it)
        if found and found.group(2):
            raise gdb.GdbError("The record directory " + found.group(1) + " has been removed.")
        if found:
            return found.group(1)
    raise gdb.GdbError("No ledger is mapped: leakdir is not in this program, or is switched off, or has not begun.")


def core_file():
    """The core that gdb was given; None for a process."""
    found = re.search(r"Local core dump file:\s+`(.*)', file type", output_of("info files"))
    return found.group(1) if found else None


def run_tool(arguments, left_out=None):
    """Runs the tool, with its output in gdb's, but for lines about `left_out`."""
    tool = shutil.which(TOOL.value)
    if tool is None:
        raise gdb.GdbError("The tool leakdir is not in PATH: `set leakdir-tool PATH`.")
    done = subprocess.run([tool, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    gdb.write("".join(line for line in done.stdout.splitlines(True) if left_out is None or left_out not in line))


def run_on_process(command, arguments):
    """The tool's command on the record directory, with a core where it looks at memory."""
    directory = record_directory()
    if command != "why" and not any(word.split("=")[0] in LOOKS for word in arguments):
        run_tool([command, directory, *arguments])
        return
    core = core_file()
    if core is not None:
        run_tool([command, directory, *arguments, "--core=" + core])
        return
    with tempfile.TemporaryDirectory(prefix="leakdir-gdb-") as scratch:
        core = os.path.join(scratch, "core")
        output_of("generate-core-file " + core)
        # (A note says that the process may have gone on since.)
        run_tool([command, directory, *arguments, "--core=" + core], left_out=core)


class InfoLeakdir(gdb.Command):
    """What leakdir has recorded of this process: info leakdir [ARGUMENTS of leakdir report]."""

    def __init__(self):
        super().__init__("info leakdir", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        run_on_process("report", gdb.string_to_argv(argument))


class Leakdir(gdb.Command):
    """leakdir why EXPRESSION: who holds the block that a pointer leads into.
leakdir COMMAND [ARGUMENTS]: a command of the tool leakdir on this process's record directory."""

    def __init__(self):
        super().__init__("leakdir", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 1)
        if not words:
            raise gdb.GdbError("leakdir why EXPRESSION, or leakdir COMMAND [ARGUMENTS]")
        rest = words[1] if len(words) > 1 else ""
        if words[0] == "why":
            pointer = gdb.lookup_type("unsigned long")
            address = int(gdb.parse_and_eval(rest).cast(pointer)) & (2 ** (8 * pointer.sizeof) - 1)
            run_on_process("why", ["{:#x}".format(address)])
        else:
            run_on_process(words[0], gdb.string_to_argv(rest))


InfoLeakdir()
Leakdir()
