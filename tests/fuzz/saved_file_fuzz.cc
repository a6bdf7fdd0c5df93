// SPDX-License-Identifier: BSL-1.0
//
// Saved files: an input is tried as a file, and as the message in one, which no checksum protects then. What is taken
// is saved again, and read as the same.

#include <cstring>

#include "../tools/load_from_memory.hh"
#include "emit_all.hh"
#include "load/pack.hh"
#include "load/saved_file.hh"

namespace {

using namespace leakdir::tool;

constexpr std::size_t kHeadBytes = 24, kLengthAt = 16;

std::string some_file() {
  LedgerBuilder builder;
  builder.program("/home/you/app", 0x400000, "0123456789abcdefghij");
  builder.thread(4711, "app", 17, 14);
  const auto stack = builder.stack({0x401234, 0x401100});
  builder.block({0x1000, 20, stack});
  builder.block({0x2000, 7, builder.node(builder.text("app.c"), leakdir::ledger::kPlaceModule, stack, 69)});
  leakdir::ledger::BadFree bad_free{};
  bad_free.address = 0x10000;
  bad_free.kind = 1;
  bad_free.thread = 1;
  bad_free.free_stack = bad_free.first_free_stack = stack;
  builder.bad_frees.push_back(bad_free);
  Snapshot snapshot = load_built(builder);
  snapshot.names.assign(snapshot.frames.size(), {});
  snapshot.names[0] = {{"inner", "/src/a.c", 3, true}, {"outer", "/src/a.c", 9, false}};
  return saved_bytes(snapshot);
}

std::string message_in(const std::string& file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data() + kLengthAt, sizeof length);
  return unpacked(std::string_view(file).substr(kHeadBytes), length, "seed");
}

std::string around(std::string_view message) {
  static const std::string head = some_file().substr(0, kLengthAt);
  const std::uint64_t length = message.size();
  return head + std::string(reinterpret_cast<const char*>(&length), sizeof length) + packed(message);
}

void try_file(const std::string& file) {
  Snapshot snapshot;
  try {
    snapshot = load_saved(MemoryBytes(file), "fuzzed");
  } catch (const Error&) {
    return;
  }
  fuzz_was_taken = true;
  const std::string again = saved_bytes(snapshot);
  const Snapshot read = load_saved(MemoryBytes(again), "again");
  MUST_HOLD(saved_bytes(read) == again);
  MUST_HOLD(emit_all(read) == emit_all(snapshot));
}

}  // namespace

std::vector<std::string> fuzz_seeds() { return {some_file(), message_in(some_file())}; }
std::vector<std::string> fuzz_words() {
  return {std::string("\x9a\x02\x02\x08\x01", 5),
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          std::string(3, '\0'),
          "\x82\x02",
          "\x8a\x02",
          "\x28\x01"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  try_file(input);
  try_file(around(input));
  return 0;
}
