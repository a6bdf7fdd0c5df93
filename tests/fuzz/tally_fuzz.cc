// SPDX-License-Identifier: BSL-1.0
//
// Baselines and reports in JSON: what is taken for one is written as a baseline, and read as the same.

#include "analyse/compare.hh"
#include "analyse/tally.hh"
#include "base/error.hh"
#include "emit/emit_check.hh"
#include "emit/emit_diff.hh"
#include "fuzz.hh"

std::vector<std::string> fuzz_seeds() { return {}; }
std::vector<std::string> fuzz_words() {
  return {"\"frames\":[",
          "\"blocks\":",
          "\"bytes\":",
          "\"call\":",
          "\"stacks\":[",
          "\"bad_frees\":[",
          "\"count\":",
          "null",
          "-1",
          "1e400",
          "{",
          "}",
          "[",
          "]",
          "18446744073709551615",
          "\\u0000",
          "\xff",
          "\"leakdir-baseline\":1",
          "\"version\":1"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leakdir::tool;
  try {
    const Tally tally = tally_of_json({reinterpret_cast<const char*>(data), size}, "fuzzed");
    fuzz_was_taken = true;
    const std::string text = baseline_text(tally);
    const Tally again = tally_of_json(text, "again");
    MUST_HOLD(baseline_text(again) == text);
    MUST_HOLD(again.blocks() == tally.blocks() && again.bytes() == tally.bytes());
    for (const auto& difference : compare(tally.stacks, again.stacks)) MUST_HOLD(difference.fate == Fate::kSame);
    const Tally nothing;
    const Comparison comparison{tally, nothing, compare(tally.stacks, {}), compare(tally.bad_frees, {}), true, 0};
    std::string shown;
    emit_diff_text(comparison, [&shown](std::string_view piece) { shown += piece; });
    for (char c : shown) MUST_HOLD(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    // All that is printed of a check, by itself and against an empty baseline.
    Judged judged;
    judged.now = tally;
    for (const auto against : {Judged::Against::kNothing, Judged::Against::kBaseline}) {
      judged.against = against;
      if (against == Judged::Against::kBaseline) judged.before = nothing;
      const Verdict verdict = judge(judged, {});
      const CheckReport report{verdict,
                               judged.now,
                               against != Judged::Against::kNothing,
                               judged.before,
                               {},
                               {},
                               verdict.stacks.size(),
                               verdict.bad_frees.size(),
                               "/src",
                               0,
                               "0"};
      for (const auto emit : {emit_check_text, emit_check_gcc, emit_check_github, emit_check_junit})
        emit(report, [](std::string_view piece) {
          for (char c : piece) MUST_HOLD(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
        });
      emit_check_sarif(report, [](std::string_view) {});
      emit_check_json(report, [](std::string_view) {});
    }
    emit_diff_json(comparison, [&shown](std::string_view piece) { shown += piece; });
  } catch (const Error&) {
  }
  return 0;
}
