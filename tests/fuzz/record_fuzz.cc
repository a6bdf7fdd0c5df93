// SPDX-License-Identifier: BSL-1.0
//
// Record files: what is taken for one is written as a record again, and read as the same.

#include "emit_all.hh"
#include "load/load_records.hh"
#include "load/parse_record.hh"

std::vector<std::string> fuzz_seeds() { return {}; }
std::vector<std::string> fuzz_words() {
  return {"[+0x",
          "] --> addr:0x",
          ", size:",
          "bad free:0x",
          "call: ",
          "kind: ",
          "thread: ",
          "time: ",
          "#0 0x",
          "frames: ",
          "location: ",
          "block: 0x",
          "block-size: ",
          "early: yes",
          "stack: free",
          "\n",
          "program: ",
          "build-id: ",
          "+0x",
          "18446744073709551615",
          "0xffffffffffffffff"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leakdir::tool;
  const auto record = parse_record({reinterpret_cast<const char*>(data), size});
  fuzz_was_taken = record.has_value();
  if (!record) return 0;
  MUST_HOLD(record->address != 0);
  const Snapshot snapshot = snapshot_of_records({*record, *record});  // of an address there is one
  MUST_HOLD(snapshot.blocks.size() + snapshot.bad_frees.size() == 1);
  emit_all(snapshot);
  const auto again = parse_record(record->is_bad_free ? bad_free_text(snapshot, snapshot.bad_frees[0])
                                                      : record_text(snapshot, snapshot.blocks[0]));
  MUST_HOLD(again && again->address == record->address && again->is_bad_free == record->is_bad_free);
  if (!record->is_bad_free) MUST_HOLD(again->size == record->size);
  return 0;
}
