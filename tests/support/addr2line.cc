// SPDX-License-Identifier: BSL-1.0
#include "addr2line.hh"

#include <stdexcept>

#include "groups.hh"
#include "run_program.hh"

namespace leakdir_test {
namespace {

void split_place(const std::string& text, Place& place) {
  const std::string path = text.substr(0, text.rfind(':'));
  place.file = path.substr(path.rfind('/') + 1);
  place.line = std::atoi(text.substr(text.rfind(':') + 1).c_str());
}

// Runs `line`, one of a record's commands.
void add_places_by(const std::string& line, std::vector<Place>& places) {
  const char* const pattern = "(?: \\(inlined by\\) )?(.*) at (.*:(?:\\d+|\\?)).*";
  const Outcome outcome = run({{"sh", "-c", line}, "", {}, "", 60});
  if (!outcome.exited_with(0)) throw std::runtime_error(line + ": " + outcome.describe());
  for (const std::string& said : lines_of(outcome.out)) {
    Place place;
    if (said == "?? ??:0") {  // a library without symbols
      places.push_back(place);
      continue;
    }
    const Groups m = groups_of(said, pattern);
    if (m.empty()) throw std::runtime_error("addr2line said: " + said);
    place.function = m[1];
    split_place(m[2], place);
    places.push_back(place);
  }
}

}  // namespace

std::vector<Place> addr2line(const std::string& program, const std::vector<std::uint64_t>& addresses) {
  if (addresses.empty()) return {};
  Command command = {{"addr2line", "-fe", program}, "", {}, "", 60};
  for (const std::uint64_t address : addresses) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
    command.argv.push_back(text);
  }
  const Outcome outcome = run(command);
  const std::vector<std::string> lines = lines_of(outcome.out);
  if (!outcome.exited_with(0) || lines.size() != 2 * addresses.size()) {
    throw std::runtime_error("addr2line: " + outcome.describe());
  }
  std::vector<Place> places(addresses.size());
  for (size_t i = 0; i < places.size(); ++i) {
    places[i].function = lines[2 * i];
    split_place(lines[2 * i + 1], places[i]);
  }
  return places;
}

Place addr2line(const std::string& program, std::uint64_t address) {
  return addr2line(program, std::vector<std::uint64_t>{address})[0];
}

std::vector<Place> places_by_own_commands(const Stack& stack) {
  std::vector<Place> places;
  for (const std::string& line : stack.addr2line) add_places_by(line, places);
  return places;
}

Place first_place_by_own_command(const Stack& stack) {
  std::vector<Place> places;
  add_places_by(stack.addr2line.at(0), places);
  return places.at(0);
}

}  // namespace leakdir_test
