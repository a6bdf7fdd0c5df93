// SPDX-License-Identifier: BSL-1.0
#include "difference_json.hh"

#include <nlohmann/json.hpp>

#include "analyse/stack_id.hh"
#include "difference_text.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

Json frames_json(const TallyStack& stack) {
  Json frames = Json::array();
  for (const auto& frame : stack.frames)
    frames.push_back({{"module", frame.module},
                      {"offset", frame.offset},
                      {"function", frame.line.function},
                      {"file", frame.line.file},
                      {"line", frame.line.line},
                      {"inlined", frame.line.inlined}});
  return frames;
}

Json pair_json(const Difference& difference, std::uint64_t TallyStack::*member) {
  return {{"old", difference.before == nullptr ? 0 : difference.before->*member},
          {"new", difference.after == nullptr ? 0 : difference.after->*member}};
}

// Blocks of each kind; null on the side where the kinds are not known.
void add_kinds(Json& json, const Difference& difference) {
  auto knows = [](const TallyStack* stack) { return stack != nullptr && stack->knows_kinds(); };
  if (!knows(difference.before) && !knows(difference.after)) return;
  auto count = [&](const TallyStack* stack, std::size_t kind) -> Json {
    if (stack == nullptr) return 0;
    return knows(stack) ? Json(stack->kinds[kind].blocks) : Json(nullptr);
  };
  for (const ledger::Reach reach : kKindOrder) {
    const auto kind = static_cast<std::size_t>(reach);
    if (reach != ledger::Reach::kUnknown)
      json["kinds"][ledger::kReachWords[kind]] = {{"old", count(difference.before, kind)},
                                                  {"new", count(difference.after, kind)}};
  }
}

}  // namespace

Json difference_json(const Difference& difference) {
  const TallyStack& stack = difference.stack();
  Json json = {{"change", name_of(difference.fate)},
               {"id", stack_id(stack)},
               {"call", stack.call},
               {"blocks", pair_json(difference, &TallyStack::blocks)},
               {"bytes", pair_json(difference, &TallyStack::bytes)},
               {"identity", stack.identity},
               {"frames", frames_json(stack)}};
  if (stack.own < stack.frames.size()) json["own_frame"] = stack.own;  // an index into "frames"
  add_kinds(json, difference);
  return json;
}

Json bad_free_difference_json(const Difference& difference) {
  const TallyStack& stack = difference.stack();
  return {{"change", name_of(difference.fate)},
          {"id", stack_id(stack)},
          {"kind", stack.call},
          {"count", pair_json(difference, &TallyStack::blocks)},
          {"identity", stack.identity},
          {"frames", frames_json(stack)}};
}

}  // namespace leakdir::tool
