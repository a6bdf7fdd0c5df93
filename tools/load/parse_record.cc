// SPDX-License-Identifier: BSL-1.0
//
// Line by line: the first says what it is, then keys, then frames.

#include "parse_record.hh"

#include <charconv>
#include <ctime>
#include <limits>

#include "snapshot.hh"

namespace leakdir::tool {

namespace {

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <class Number>
bool take_number(std::string_view& text, Number& number, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_hex(std::string_view& text, std::uint64_t& number) {
  return take(text, "0x") && take_number(text, number, 16);
}

bool parse_first_line(std::string_view line, ParsedRecord& record) {
  std::uint64_t caller = 0;
  if (!take(line, "[+") || !take_hex(line, caller) || !take(line, "] --> ")) return false;
  if (take(line, "addr:"))
    return take_hex(line, record.address) && take(line, ", size:") && take_number(line, record.size) && line.empty();
  record.is_bad_free = true;
  return take(line, "bad free:") && take_hex(line, record.address) && take(line, ", ") && !line.empty();
}

// 2026-11-23T09:14:26.123456Z
std::int64_t parse_time(const std::string& text) {
  std::tm time = {};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  std::string_view rest = end != nullptr ? end : "";
  std::int64_t micros = 0;
  if (!take(rest, ".") || !take_number(rest, micros) || rest != "Z" || micros > 999999) return 0;
  // From 1970 on, and as far as nanoseconds reach.
  constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max() / 1000000000 - 1;
  const std::int64_t seconds = timegm(&time);
  return seconds < 0 || seconds > kLatest || micros < 0 ? 0 : seconds * 1000000000 + micros * 1000;
}

std::string parse_hex_bytes(std::string_view digits) {
  std::string bytes;
  for (; digits.size() >= 2; digits.remove_prefix(2)) {
    std::string_view two = digits.substr(0, 2);
    unsigned byte = 0;
    if (!take_number(two, byte, 16) || !two.empty()) return {};
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

// "#0 0x4009f7 /home/you/app+0x4009f7" or "#1 0x401b2a ?"
void parse_frame(std::string_view line, std::vector<ParsedFrame>& stack) {
  unsigned number = 0;
  ParsedFrame frame;
  if (!take(line, "#") || !take_number(line, number) || !take(line, " ") || !take_hex(line, frame.pc) ||
      !take(line, " ") || stack.size() >= kMaxDepth)
    return;
  // The path may hold a '+' itself.
  const std::size_t plus = line.rfind('+');
  if (plus != std::string_view::npos) {
    std::string_view offset = line.substr(plus + 1);
    if (take_hex(offset, frame.offset) && offset.empty()) frame.module = line.substr(0, plus);
  }
  stack.push_back(std::move(frame));
}

// "1 2": of the frames above.
void parse_numbers(std::string_view line, std::vector<ParsedFrame>& stack, bool ParsedFrame::*are_so) {
  for (std::size_t number = 0; take_number(line, number);) {
    if (number < stack.size()) stack[number].*are_so = true;
    if (!take(line, " ")) return;
  }
}

void parse_key(std::string_view line, ParsedRecord& record) {
  if (take(line, "call: ") || take(line, "kind: ")) {
    record.call = line;
  } else if (take(line, "thread: ")) {
    if (take_number(line, record.tid) && take(line, " ")) record.thread_name = line;
  } else if (take(line, "time: ")) {
    record.time_ns = parse_time(std::string(line));
  } else if (take(line, "sequence: ")) {
    take_number(line, record.sequence);
  } else if (take(line, "program: ")) {
    record.program = line;
  } else if (take(line, "build-id: ")) {
    record.build_id = parse_hex_bytes(line);
  } else if (take(line, "location: ")) {
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) return;
    std::string_view number = line.substr(colon + 1);
    if (take_number(number, record.location_line)) record.location_file = line.substr(0, colon);
  } else if (take(line, "sample: ")) {
    take_number(line, record.sample_bytes);
  } else if (take(line, "reach: ")) {
    record.reach = line;
  } else if (take(line, "block: ")) {
    take_hex(line, record.block);
  } else if (take(line, "block-size: ")) {
    take_number(line, record.block_bytes);
  } else {
    record.is_early |= line == "early: yes";
    record.is_inherited |= line == "inherited: yes";
    record.is_truncated |= line == "truncated: yes";
  }
}

}  // namespace

std::optional<ParsedRecord> parse_record(std::string_view text) {
  ParsedRecord record;
  std::vector<ParsedFrame>* stack = &record.stack;
  for (bool is_first = true; !text.empty(); is_first = false) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (is_first) {
      if (!parse_first_line(line, record)) return std::nullopt;
    } else if (line == "stack: free") {
      stack = &record.stack;
    } else if (line == "stack: first free") {
      stack = &record.first_free_stack;
    } else if (line == "stack: allocation") {
      stack = &record.allocation_stack;
    } else if (!line.empty() && line.front() == '#') {
      parse_frame(line, *stack);
    } else if (take(line, "exact: ")) {
      parse_numbers(line, *stack, &ParsedFrame::is_exact);
    } else if (take(line, "by-frame-pointer: ")) {
      parse_numbers(line, *stack, &ParsedFrame::by_frame_pointer);
    } else {
      parse_key(line, record);
    }
  }
  if (record.address == 0) return std::nullopt;
  return record;
}

}  // namespace leakdir::tool
