// SPDX-License-Identifier: BSL-1.0
#include "record_reader.hh"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "groups.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {
namespace {

std::uint64_t number(const std::string& text) { return std::stoull(text, nullptr, 0); }

// One file, line by line, with errors that name the line.
class Lines {
 public:
  explicit Lines(const std::string& path) : path_(path) {
    const std::string text = read_file(path);
    if (text.empty() || text.back() != '\n') fail("does not end with a newline");
    lines_ = lines_of(text);
  }

  [[noreturn]] void fail(const std::string& what) const {
    std::string text = path_ + ":" + std::to_string(at_ + 1) + ": " + what;
    if (at_ < lines_.size()) text += ": " + lines_[at_];
    throw std::runtime_error(text);
  }
  bool done() const { return at_ == lines_.size(); }
  const std::string& peek() const {
    if (done()) fail("ends too early");
    return lines_[at_];
  }
  std::string next() {
    std::string line = peek();
    ++at_;
    return line;
  }
  Groups match(const char* pattern) {
    Groups result = groups_of(peek(), pattern);
    if (result.empty()) fail(std::string("does not match ") + pattern);
    ++at_;
    return result;
  }

 private:
  std::string path_;
  std::vector<std::string> lines_;
  size_t at_ = 0;
};

using Keys = std::map<std::string, std::string>;

// The `key: value` lines up to the one that starts with `end`, in the order of `known`; the keys of `needed` must be
// there.
Keys read_keys(Lines& lines, const std::vector<std::string>& known, const std::set<std::string>& needed,
               const std::string& end) {
  Keys keys;
  size_t from = 0;
  while (lines.peek().rfind(end, 0) != 0) {
    const std::string& line = lines.peek();
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) lines.fail("is no `key: value`");
    const auto at = std::find(known.begin() + static_cast<long>(from), known.end(), line.substr(0, colon));
    if (at == known.end()) lines.fail("unknown, repeated or misplaced key");
    from = static_cast<size_t>(at - known.begin()) + 1;
    keys[*at] = line.substr(colon + 2);
    if (keys[*at].empty()) lines.fail("empty value");
    lines.next();
  }
  for (const std::string& key : needed) {
    if (keys.count(key) == 0) lines.fail("no " + key + " before this line");
  }
  return keys;
}

// A hexadecimal number as leakdir writes it: 0x, lower case, no leading zero.
bool is_hex(const std::string& text) {
  const bool has_prefix = text.size() > 2 && text.compare(0, 2, "0x") == 0;
  return has_prefix && text.find_first_not_of("0123456789abcdef", 2) == std::string::npos &&
         (text[2] != '0' || text.size() == 3);
}

// "#0 0x4009f7 /home/you/app+0x4009f7" or "#1 0x401b2a ?". Read by hand: there are very many of them.
Frame read_frame(Lines& lines, size_t index) {
  const std::string line = lines.peek();
  const std::string start = "#" + std::to_string(index) + " ";
  const size_t address_end = line.find(' ', start.size());
  if (line.compare(0, start.size(), start) != 0 || address_end == std::string::npos)
    lines.fail("is not the next frame");
  const std::string address = line.substr(start.size(), address_end - start.size());
  const std::string place = line.substr(address_end + 1);
  if (!is_hex(address)) lines.fail("bad address");
  Frame frame;
  frame.return_address = number(address);
  if (place != "?") {
    const size_t plus = place.rfind('+');
    if (place[0] != '/' || plus == std::string::npos || !is_hex(place.substr(plus + 1))) lines.fail("bad module");
    frame.module = place.substr(0, plus);
    frame.offset = number(place.substr(plus + 1));
  }
  lines.next();
  return frame;
}

// The addresses that the addr2line lines must hold: return address - 1, or the exact one, by module in the order met.
std::vector<std::string> expected_commands(const std::vector<Frame>& frames) {
  std::vector<std::string> modules, result;
  for (const Frame& frame : frames) {
    if (!frame.module.empty() && std::find(modules.begin(), modules.end(), frame.module) == modules.end()) {
      modules.push_back(frame.module);
    }
  }
  for (const std::string& module : modules) {
    std::string command = "addr2line -Cfipe " + module;
    for (const Frame& frame : frames) {
      if (frame.module != module) continue;
      char text[32];
      std::snprintf(text, sizeof text, " 0x%llx", static_cast<unsigned long long>(frame.named()));
      command += text;
    }
    result.push_back(command);
  }
  return result;
}

// "exact: 1 2": numbers of frames, in their order.
void read_numbers(Lines& lines, std::vector<Frame>& frames, bool Frame::*are_so) {
  const std::string numbers = lines.match("[a-z-]+:((?: \\d+)+)")[1];
  size_t from = 0;
  for (size_t at = 0; at < numbers.size();) {
    const size_t end = std::min(numbers.find(' ', at + 1), numbers.size());
    const size_t number = std::stoul(numbers.substr(at + 1, end - at - 1));
    if (number < from || number >= frames.size()) lines.fail("no such frame, or not in order, before");
    frames[number].*are_so = true;
    from = number + 1;
    at = end;
  }
}

Stack read_stack(Lines& lines) {
  Stack stack;
  const size_t frames = std::stoul(lines.match("frames: (\\d+)")[1]);
  for (size_t i = 0; i < frames; ++i) stack.frames.push_back(read_frame(lines, i));
  if (!lines.done() && lines.peek().rfind("exact: ", 0) == 0) read_numbers(lines, stack.frames, &Frame::is_exact);
  if (!lines.done() && lines.peek().rfind("by-frame-pointer: ", 0) == 0)
    read_numbers(lines, stack.frames, &Frame::by_frame_pointer);
  while (!lines.done() && lines.peek().rfind("addr2line: ", 0) == 0) stack.addr2line.push_back(lines.next().substr(11));
  if (stack.addr2line != expected_commands(stack.frames)) lines.fail("addr2line lines do not fit the frames above");
  return stack;
}

void check_caller(const Lines& lines, std::uint64_t caller, const Stack& stack) {
  if (stack.frames.empty()) lines.fail("no frames");
  const Frame& first = stack.frames[0];
  if (caller != (first.module.empty() ? first.return_address : first.offset)) {
    lines.fail("the caller of line 1 is not frame 0");
  }
}

template <typename AnyRecord>
void take_origin(Lines& lines, const Keys& keys, AnyRecord& record) {
  const Groups m = groups_of(keys.at("thread"), "(\\d+) (.+)");
  if (m.empty()) lines.fail("bad thread before");
  record.tid = std::stoi(m[1]);
  record.thread_name = m[2];
  record.time = keys.at("time");
  if (groups_of(record.time, "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z").empty())
    lines.fail("bad time before");
  record.program = keys.at("program");
  if (keys.count("build-id") != 0) record.build_id = keys.at("build-id");
  if (groups_of(record.build_id, "([0-9a-f]{2})*").empty()) lines.fail("bad build-id before");
}

bool flag(const Lines& lines, const Keys& keys, const char* name) {
  if (keys.count(name) == 0) return false;
  if (keys.at(name) != "yes") lines.fail(std::string("bad ") + name + " before");
  return true;
}

void check_name(const Lines& lines, const std::string& path, std::uint64_t address, const char* suffix) {
  char name[64];
  std::snprintf(name, sizeof name, "0x%llx%s", static_cast<unsigned long long>(address), suffix);
  if (path.substr(path.rfind('/') + 1) != name) lines.fail("the address is not the file's name");
}

}  // namespace

Record parse_record(const std::string& path) {
  Lines lines(path);
  Record record;
  record.file = path;
  const Groups first = lines.match("\\[\\+(0x[0-9a-f]+)\\] --> addr:(0x[0-9a-f]+), size:(\\d+)");
  record.caller = number(first[1]);
  record.address = number(first[2]);
  record.size = number(first[3]);
  check_name(lines, path, record.address, ".mem");
  const Keys keys = read_keys(lines,
                              {"call", "thread", "time", "sequence", "program", "build-id", "location", "early",
                               "inherited", "truncated", "sample", "reach"},
                              {"call", "thread", "time", "sequence", "program"}, "frames: ");
  record.call = keys.at("call");
  record.sequence = number(keys.at("sequence"));
  if (keys.count("location") != 0) record.location = keys.at("location");
  take_origin(lines, keys, record);
  record.early = flag(lines, keys, "early");
  record.inherited = flag(lines, keys, "inherited");
  record.truncated = flag(lines, keys, "truncated");
  if (keys.count("sample") != 0) record.sample = number(keys.at("sample"));
  if (keys.count("reach") != 0) record.reach = keys.at("reach");
  static const std::set<std::string> kinds = {"", "definitely lost", "indirectly lost", "possibly lost",
                                              "still reachable"};
  if (kinds.count(record.reach) == 0) lines.fail("no such kind: " + record.reach);
  record.stack = read_stack(lines);
  check_caller(lines, record.caller, record.stack);
  if (!lines.done()) lines.fail("more lines than expected");
  return record;
}

BadFreeRecord parse_bad_free(const std::string& path) {
  Lines lines(path);
  BadFreeRecord record;
  record.file = path;
  const Groups first = lines.match("\\[\\+(0x[0-9a-f]+)\\] --> bad free:(0x[0-9a-f]+), (.+)");
  record.caller = number(first[1]);
  record.address = number(first[2]);
  const std::string kind = first[3];
  check_name(lines, path, record.address, ".badfree");
  const Keys keys = read_keys(lines, {"kind", "thread", "time", "program", "build-id", "block", "block-size"},
                              {"kind", "thread", "time", "program"}, "stack: ");
  record.kind = keys.at("kind");
  if (record.kind != kind) lines.fail("two kinds");
  take_origin(lines, keys, record);
  record.has_block = keys.count("block") != 0;
  if (record.has_block != (keys.count("block-size") != 0)) lines.fail("block without block-size or the reverse");
  if (record.has_block) {
    record.block = number(keys.at("block"));
    record.block_size = number(keys.at("block-size"));
  }
  lines.match("stack: free");
  record.free = read_stack(lines);
  check_caller(lines, record.caller, record.free);
  if (!lines.done() && lines.peek() == "stack: first free") {
    lines.next();
    record.first_free = read_stack(lines);
  }
  if (!lines.done()) {
    lines.match("stack: allocation");
    record.allocation = read_stack(lines);
  }
  if (!lines.done()) lines.fail("more lines than expected");
  return record;
}

std::vector<Record> records_in(const std::string& dir) {
  std::vector<Record> result;
  for (const std::string& name : names_in(dir, ".mem")) result.push_back(parse_record(dir + "/" + name));
  std::sort(result.begin(), result.end(), [](const Record& a, const Record& b) { return a.sequence < b.sequence; });
  return result;
}

std::vector<BadFreeRecord> bad_frees_in(const std::string& dir) {
  std::vector<BadFreeRecord> result;
  for (const std::string& name : names_in(dir, ".badfree")) result.push_back(parse_bad_free(dir + "/" + name));
  return result;
}

std::uint64_t total_bytes(const std::vector<Record>& records) {
  std::uint64_t sum = 0;
  for (const Record& record : records) sum += record.size;
  return sum;
}

std::vector<std::uint64_t> sizes_of(const std::vector<Record>& records) {
  std::vector<std::uint64_t> result;
  for (const Record& record : records) result.push_back(record.size);
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace leakdir_test
