// SPDX-License-Identifier: BSL-1.0
//
// The manual page leakdir(1). leakdir(7), man/leakdir.7, is about the object.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "document.hh"

namespace leakdir::tool {

namespace {

constexpr char kHead[] = R"(.\" SPDX-License-Identifier: BSL-1.0
.\" Made by `leakdir document man`.
.TH LEAKDIR 1 "" "leakdir {}" "User Commands"
.SH NAME
leakdir \- find heap leaks in the record directory of a program
.SH SYNOPSIS
.B leakdir
.I COMMAND
.RI [ OPTIONS ]
.RI [ DIR ]
.SH DESCRIPTION
A program that is linked with leakdir, see
.BR leakdir (7),
has each live heap block as a file in a directory, and all of them in
.IR DIR /.ledger .
.B leakdir
reads that directory, of a program that is running, has ended or was killed, and never stops it.
.I DIR
is ./mem by default; a file made by
.B leakdir save
can take its place.
)";

constexpr char kTail[] = R"(.SH EXIT STATUS
.TP
.B 0
done;
.B check
found no leak;
.B doctor
found the hooks
.TP
.B 1
could not: said in one line
.TP
.B 2
usage
.TP
.B 3
of
.BR check :
no trustworthy data; of
.BR doctor :
the hooks are not in the program; of
.BR run :
nothing was recorded
.TP
.B 23
of
.BR check :
live blocks or bad frees
.PP
.B \-\-error\-exitcode
names another for live blocks or bad frees.
.SH ENVIRONMENT
.TP
.B NO_COLOR
If it is set, nothing is coloured unless
.B \-\-color
asks for it.
.TP
.B DEBUGINFOD_URLS
The servers that
.B \-\-debuginfod
asks. Without that option no network is used.
.SH FILES
.TP
.I ./mem/.ledger
the live blocks
.TP
.I ./mem/0x*.mem\fR, \fP./mem/0x*.badfree
the record files, as text
.SH SEE ALSO
.BR leakdir (7),
.BR addr2line (1),
.BR pprof (1)
)";

// Our text in roff: dashes and backslashes stand for themselves, and no line begins with a command.
std::string roff(const std::string& text) {
  std::string safe;
  for (char c : text) {
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else if (c == '\n')
      safe += ' ';
    else
      safe += c;
  }
  return !safe.empty() && (safe[0] == '.' || safe[0] == '\'') ? "\\&" + safe : safe;
}

std::string names_of(const OptionInfo& option) {
  std::vector<std::string> names;
  for (const auto& name : option.names)
    names.push_back(option.is_positional ? fmt::format("\\fI{}\\fR", roff(name))
                                         : fmt::format("\\fB{}\\fR", roff(name)));
  return fmt::format("{}", fmt::join(names, ", ")) +
         (option.value.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.value)));
}

}  // namespace

std::string manual_page(const std::vector<CommandInfo>& commands) {
  std::string page = fmt::format(kHead, LEAKDIR_VERSION) + ".SH COMMANDS\n";
  for (const auto& command : commands) {
    page += fmt::format(".SS \"leakdir {}\"\n{}.\n", roff(command.name), roff(command.summary));
    for (const auto& option : command.options) {
      page += fmt::format(".TP\n{}\n{}", names_of(option), roff(option.help));
      const bool names_them = std::all_of(option.choices.begin(), option.choices.end(), [&](const std::string& choice) {
        return option.help.find(choice) != std::string::npos;
      });
      page += names_them ? "\n" : fmt::format(": {}\n", roff(fmt::format("{}", fmt::join(option.choices, ", "))));
    }
    if (!command.footer.empty()) page += fmt::format(".PP\n{}\n", roff(command.footer));
  }
  return page + kTail;
}

}  // namespace leakdir::tool
