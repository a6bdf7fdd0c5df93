// SPDX-License-Identifier: BSL-1.0
#include "verdict.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

std::string by_function(std::uint64_t stacks, const char* noun = "stack") {
  return count_of(stacks, noun) + " by function";
}

// What is lost, the worst kind first; what was allocated all through the run, evenly and not; the rest.
std::size_t rank_of(const Difference& difference) {
  const TallyStack& stack = difference.stack();
  std::size_t rank = 0;
  for (const ledger::Reach reach : kKindOrder) {
    if (!ledger::is_lost(reach)) continue;
    if (stack.kinds[static_cast<std::size_t>(reach)].blocks != 0) return rank;
    ++rank;
  }
  switch (stack.spread) {
    case Spread::kEven:
      return rank;
    case Spread::kNotThrough:
      return rank + 2;
    default:
      return rank + 1;
  }
}

void put_worst_first(std::vector<Difference>& stacks) {
  std::stable_sort(stacks.begin(), stacks.end(),
                   [](const Difference& a, const Difference& b) { return rank_of(a) < rank_of(b); });
}

// What the first of them is: where not all are of that sort, it need not be the largest.
const char* first_of(const std::vector<Difference>& stacks) {
  if (rank_of(stacks.front()) == rank_of(stacks.back())) return "the largest";
  return stacks.front().stack().lost().blocks != 0 ? "the largest that is lost" : kAllocatedThroughout;
}

std::string first_in(const std::vector<Difference>& differences) {
  return differences.empty() ? "" : own_frame_of(differences.front().stack());
}

class Judge {
 public:
  Judge(const Judged& judged, const Limits& limits) : judged_(judged), limits_(limits), now_(judged.now) {
    stacks_ = compare(judged.before.stacks, now_.stacks);
    for (const auto& difference : compare(judged.before.bad_frees, now_.bad_frees))
      if (is_worse(difference.fate)) verdict_.bad_frees.push_back(difference);
  }

  Verdict judge() && {
    if (judged_.against == Judged::Against::kNothing)
      by_itself();
    else if (judged_.against == Judged::Against::kBaseline)
      against_baseline();
    else
      against_earlier();
    return std::move(verdict_);
  }

 private:
  // ---- What is said ----

  const char* what() const { return judged_.finds_lost ? "lost block" : "live block"; }

  std::string remarks() const {
    const std::uint64_t suppressed = judged_.suppressed_blocks;
    std::string text = suppressed == 0 ? "" : fmt::format(", {} suppressed", count_of(suppressed, "block"));
    if (judged_.runtime_blocks != 0)
      text += fmt::format(", {} kept by runtimes", count_of(judged_.runtime_blocks, "block"));
    if (judged_.is_sample && judged_.against == Judged::Against::kEarlier)
      text += " (estimated from a sample)";
    else if (judged_.is_sample)
      text += fmt::format(" (in a sample; an estimated {}, {} in all)",
                          count_of(judged_.estimate.whole_blocks(), "block"), bytes_of(judged_.estimate.whole_bytes()));
    if (now_.state == name_of(State::kRunning)) text += " (it is still running)";
    if (now_.state == name_of(State::kKilled)) text += " (it did not leave through exit)";
    return text;
  }

  std::string held_text() const {
    return fmt::format("{}, {} {} still reachable", count_of(judged_.held.blocks, "block"),
                       bytes_of(judged_.held.bytes), judged_.held.blocks == 1 ? "is" : "are");
  }

  std::string held_at_the_end() const { return judged_.held.blocks == 0 ? "" : "; " + held_text(); }

  std::uint64_t more_bad_frees() const {
    std::int64_t more = 0;
    for (const auto& difference : verdict_.bad_frees) more += difference.blocks;
    return static_cast<std::uint64_t>(more);
  }

  void say_leak(const std::string& text) {
    verdict_.answer = Answer::kLeak;
    verdict_.sentence = text;
  }

  // "No leak" is said only where each block was seen and judged.
  void say_no_leak(const std::string& text) {
    verdict_.answer = Answer::kNoLeak;
    verdict_.sentence = text;
    if (!judged_.no_proof.empty()) {
      const char* const fresh = judged_.against == Judged::Against::kNothing ? "" : "new ";
      return say_no_trust(fmt::format("no {}leak was seen, but {}", fresh, judged_.no_proof));
    }
    if (judged_.neither.blocks == 0) return;
    say_no_trust(fmt::format("whether {}, {} are lost is not known{}", count_of(judged_.neither.blocks, "block"),
                             bytes_of(judged_.neither.bytes),
                             judged_.why_neither.empty() ? "" : ": " + judged_.why_neither));
  }

  void say_no_trust(const std::string& why) {
    verdict_.answer = Answer::kNoTrust;
    verdict_.sentence = Verdict::without_trust(why).sentence;
  }

  // ---- What is found ----

  void list(std::initializer_list<Fate> fates) {
    for (const auto& difference : stacks_)
      if (std::find(fates.begin(), fates.end(), difference.fate) != fates.end()) verdict_.stacks.push_back(difference);
    put_worst_first(verdict_.stacks);
  }

  // What is known, where all of it together is too much.
  void list_all() {
    for (const auto& difference : stacks_)
      if (difference.after != nullptr) verdict_.stacks.push_back(difference);
    put_worst_first(verdict_.stacks);
  }

  std::uint64_t over_the_limit() const {
    return limits_.max_bytes && now_.bytes() > *limits_.max_bytes ? now_.bytes() - *limits_.max_bytes : 0;
  }

  // ", 4096 bytes more than 1048576 bytes (1.0 MiB) that are allowed"
  std::string limit_text() const {
    return fmt::format("{} more than {} that are allowed", bytes_of(over_the_limit()), bytes_of(*limits_.max_bytes));
  }

  void by_itself() {
    const bool is_allowed = limits_.max_bytes && over_the_limit() == 0;
    if (!is_allowed) list({Fate::kNew});
    const std::string bad_frees = count_of(more_bad_frees(), "bad free");
    if (verdict_.stacks.empty() && verdict_.bad_frees.empty()) return say_no_leak(nothing_text());
    if (verdict_.stacks.empty())
      return say_leak(fmt::format("no leak, but {}{}{}; {}: {}", bad_frees, remarks(), held_at_the_end(),
                                  verdict_.bad_frees.front().stack().call, first_in(verdict_.bad_frees)));
    std::string text = amount_of(now_, what());
    if (limits_.max_bytes) text += ", " + limit_text();
    if (!verdict_.bad_frees.empty()) text += ", " + bad_frees;
    say_leak(fmt::format("leak: {}{}{}; {}: {}", text, remarks(), held_at_the_end(), first_of(verdict_.stacks),
                         first_in(verdict_.stacks)));
  }

  std::string nothing_text() const {
    if (!now_.stacks.empty())
      return fmt::format("no leak: {}, of {} that are allowed{}{}: {}", amount_of(now_, what()),
                         bytes_of(*limits_.max_bytes), remarks(), held_at_the_end(), now_.program);
    if (judged_.held.blocks != 0) return fmt::format("no lost block; {}{}: {}", held_text(), remarks(), now_.program);
    return fmt::format("no leak: nothing{}{} is live after {} and {}{}: {}", judged_.is_filtered ? " of that age" : "",
                       judged_.suppressed_blocks != 0 ? " but what is suppressed"
                       : judged_.runtime_blocks != 0  ? " but what runtimes keep"
                                                      : "",
                       count_of(judged_.allocations, "allocation"), count_of(judged_.frees, "free"), remarks(),
                       now_.program);
  }

  void note_what_is_better() {
    const std::uint64_t better = total_of(stacks_, Fate::kGone).stacks + total_of(stacks_, Fate::kShrunk).stacks;
    if (better == 0 || judged_.is_sample) return;
    verdict_.notes.push_back(fmt::format("less is {} than {} says, in {}: --write-baseline makes it the new measure",
                                         judged_.finds_lost ? "lost" : "live", judged_.before.origin,
                                         by_function(better)));
  }

  // Without --lost as much is live as before, or less.
  void note_what_is_lost() {
    std::vector<Difference> lost;
    for (const auto& difference : stacks_)
      if (difference.fate == Fate::kLost) lost.push_back(difference);
    if (judged_.finds_lost || lost.empty()) return;
    verdict_.notes.push_back(fmt::format("more is lost than {} says, in {}; the first: {}: --lost fails on that",
                                         judged_.before.origin, by_function(lost.size()), first_in(lost)));
  }

  bool may_grow(const Difference& difference) const {
    if (limits_.only_new) return true;
    return limits_.growth && limits_.growth->allows(difference.before->bytes, difference.bytes);
  }

  // Takes out of what is listed what the user allows.
  void pass_over_growth() {
    auto& stacks = verdict_.stacks;
    const auto passed = std::stable_partition(stacks.begin(), stacks.end(), [&](const Difference& difference) {
      return difference.fate != Fate::kGrown || !may_grow(difference);
    });
    Changes sum;
    for (auto one = passed; one != stacks.end(); ++one) {
      ++sum.stacks;
      sum.blocks += one->blocks;
      sum.bytes += one->bytes;
    }
    stacks.erase(passed, stacks.end());
    if (sum.stacks == 0) return;
    verdict_.notes.push_back(fmt::format("{} grew, {:+} blocks and {:+} bytes, which is allowed ({})",
                                         by_function(sum.stacks), sum.blocks, sum.bytes,
                                         limits_.only_new ? "--new-only" : limits_.growth->in_words() + " each"));
  }

  void against_baseline() {
    note_what_is_better();
    note_what_is_lost();
    judged_.finds_lost ? list({Fate::kNew, Fate::kGrown, Fate::kLost}) : list({Fate::kNew, Fate::kGrown});
    pass_over_growth();
    const Changes fresh = total_of(verdict_.stacks, Fate::kNew), grown = total_of(verdict_.stacks, Fate::kGrown),
                  lost = total_of(verdict_.stacks, Fate::kLost);
    std::vector<std::string> parts;
    if (fresh.stacks != 0) parts.push_back(by_function(fresh.stacks, "new stack"));
    if (grown.stacks != 0) parts.push_back(by_function(grown.stacks) + " that grew");
    if (lost.stacks != 0) parts.push_back(by_function(lost.stacks) + " whose blocks were still reachable");
    if (!parts.empty())
      parts.push_back(fmt::format("{:+} blocks and {:+} bytes", fresh.blocks + grown.blocks + lost.blocks,
                                  fresh.bytes + grown.bytes + lost.bytes));
    bool is_leak = !parts.empty();
    if (over_the_limit() != 0) {
      if (!is_leak) list_all();
      parts.push_back(limit_text());
      is_leak = true;
    }
    if (!verdict_.bad_frees.empty()) parts.push_back(count_of(more_bad_frees(), "bad free") + " more");
    if (parts.empty())
      return say_no_leak(fmt::format("no new leak: {}, {} are known{}{}", amount_of(now_, what()),
                                     count_of(now_.bad_free_count(), "bad free"), remarks(), held_at_the_end()));
    say_leak(fmt::format("{}{} against {}{}; the first: {}", is_leak ? "leak: " : "no new leak, but ",
                         fmt::join(parts, ", "), judged_.before.origin, remarks(),
                         first_in(is_leak ? verdict_.stacks : verdict_.bad_frees)));
  }

  void against_earlier() {
    const auto bytes = static_cast<std::int64_t>(now_.bytes() - judged_.before.bytes());
    const auto blocks = static_cast<std::int64_t>(now_.blocks() - judged_.before.blocks());
    const bool is_too_much = !limits_.max_growth.value_or(Allowance()).allows(judged_.before.bytes(), bytes);
    if (is_too_much || over_the_limit() != 0) list({Fate::kNew, Fate::kGrown, Fate::kLost});
    if (over_the_limit() != 0 && verdict_.stacks.empty()) list_all();
    std::string text = fmt::format("{:+} bytes, {:+} blocks since {}", bytes, blocks, judged_.before.origin);
    if (limits_.max_growth) text += fmt::format(" ({} more are allowed)", limits_.max_growth->in_words());
    if (over_the_limit() != 0) text += ", " + limit_text();
    const bool is_leak = is_too_much || over_the_limit() != 0;
    if (!verdict_.bad_frees.empty()) text += fmt::format(", {} more", count_of(more_bad_frees(), "bad free"));
    if (!is_leak && verdict_.bad_frees.empty())
      return say_no_leak(fmt::format("no leak: {}: {}{}{}: {}", text, amount_of(now_, what()), remarks(),
                                     held_at_the_end(), now_.program));
    const auto& first = verdict_.stacks.empty() ? verdict_.bad_frees : verdict_.stacks;
    say_leak(fmt::format("{}{}: {}{}{}; the first: {}", is_leak ? "leak: " : "no leak, but ", text,
                         amount_of(now_, what()), remarks(), held_at_the_end(), first_in(first)));
  }

  const Judged& judged_;
  const Limits& limits_;
  const Tally& now_;
  std::vector<Difference> stacks_;  // all
  Verdict verdict_;
};

}  // namespace

Verdict judge(const Judged& judged, const Limits& limits) { return Judge(judged, limits).judge(); }

std::string amount_of(const Tally& tally, const char* what) {
  return fmt::format("{}, {} in {}", count_of(tally.blocks(), what), bytes_of(tally.bytes()), count_of_stacks(tally));
}

Amount held_in(const Tally& tally) {
  Amount sum;
  for (const auto& stack : tally.stacks) {
    sum.blocks += stack.held().blocks;
    sum.bytes += stack.held().bytes;
  }
  return sum;
}

Amount neither_in(const Tally& tally) {
  Amount sum;
  for (const auto& stack : tally.stacks) {
    sum.blocks += stack.blocks - stack.lost().blocks - stack.held().blocks;
    sum.bytes += stack.bytes - stack.lost().bytes - stack.held().bytes;
  }
  return sum;
}

}  // namespace leakdir::tool
