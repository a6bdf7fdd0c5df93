// SPDX-License-Identifier: BSL-1.0
#include "render.hh"

#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/periods.hh"
#include "ledger/row.hh"
#include "shared/record.hh"
#include "system/base.hh"

namespace leakdir {
namespace {

std::uint32_t frame_of(const void*, std::uint32_t index, FrameView* out) {
  const ledger::Node& node = *ledger_file.node(index);
  const std::uint32_t module_index = ledger::high16(node.pc_module);
  out->return_address = ledger::low48(node.pc_module);
  out->path = nullptr;
  out->module = module_index;
  out->is_entered = (node.line & ledger::kNodeEntered) != 0;
  out->is_signal_return = (node.line & ledger::kNodeSignalReturn) != 0;
  out->is_without_table = (node.line & ledger::kNodeWithoutTable) != 0;
  if (module_index != 0) {
    const ledger::Module& module = *ledger_file.module(module_index);
    out->offset = out->return_address - module.bias;
    if (module.path != 0) out->path = ledger_file.text(module.path);
  }
  return node.parent;
}

bool is_place(std::uint32_t node) {
  return node != 0 && ledger::high16(ledger_file.node(node)->pc_module) == ledger::kPlaceModule;
}

std::uint32_t frames_of(std::uint32_t stack) { return is_place(stack) ? ledger_file.node(stack)->parent : stack; }

RecordOrigin origin_of(const ledger::Thread* thread, std::uint64_t ticks) {
  const ledger::Header& header = *ledger_file.header();
  const ledger::Module* program = header.program_module != 0 ? ledger_file.module(header.program_module) : nullptr;
  return {thread != nullptr ? thread->tid : 0,
          thread != nullptr ? thread->name : "?",
          realtime_of_ticks(ticks),
          ledger_file.text(header.program),
          program != nullptr ? program->build_id : nullptr,
          program != nullptr ? program->build_id_bytes : 0};
}

constexpr FrameChain kChain = {frame_of, nullptr};

}  // namespace

Rendered render_block(RecordText& into, const ledger::Block& block) {
  const unsigned flags = ledger::block_flags(block.word[0]);
  const std::uint32_t stack = stack_of(block);
  // What leakdir_lost_since found while the program ran is not true any more.
  const bool is_known = ledger_file.header()->reach_look != 0;
  const ledger::Reach reach = is_known ? ledger::block_reach(block.word[0]) : ledger::Reach::kUnknown;
  const ledger::Node* const place = is_place(stack) ? ledger_file.node(stack) : nullptr;
  const RecordView view = {origin_of(thread_of(block), ticks_of(block)),
                           ledger::block_address(block.word[0]),
                           size_of(block),
                           ledger::kCallNames[ledger::block_call(block.word[0])],
                           ledger::block_sequence(block.word[2]),
                           frames_of(stack),
                           place != nullptr ? ledger_file.text(static_cast<std::uint32_t>(place->pc_module)) : nullptr,
                           place != nullptr ? place->line : 0,
                           (flags & ledger::kFlagEarly) != 0,
                           (flags & ledger::kFlagInherited) != 0,
                           (flags & ledger::kFlagTruncated) != 0,
                           reach != ledger::Reach::kUnknown ? ledger::name_of(reach) : nullptr,
                           ledger_file.header()->sample_bytes};
  constexpr unsigned kOfTail =
      ledger::kFlagEarly | ledger::kFlagInherited | ledger::kFlagTruncated | ledger::kReachMask;
  char* const tail = into.text + kMaxRecordHead;
  if (into.tail_bytes == 0 || into.stack != stack || into.flags != (flags & kOfTail)) {
    into.tail_bytes = 0;  // a handler may leave by longjmp in between
    signal_fence();
    Text out(tail, sizeof into.text - kMaxRecordHead);
    put_record_tail(out, view, kChain);
    into.stack = stack;
    into.flags = flags & kOfTail;
    signal_fence();
    into.tail_bytes = static_cast<std::uint32_t>(out.size());
  }
  // The head is put right before it: one write writes both.
  char head[kMaxRecordHead];
  Text out(head, sizeof head);
  put_record_head(out, view, kChain);
  char* const start = tail - out.size();
  for (std::size_t i = 0; i < out.size(); ++i) start[i] = head[i];
  return {start, out.size() + into.tail_bytes};
}

unsigned return_addresses(const ledger::Block& block, const void** into, unsigned most) {
  unsigned count = 0;
  std::uint32_t node = frames_of(stack_of(block));
  for (; node != 0 && count < most; ++count) {
    FrameView frame;
    node = frame_of(nullptr, node, &frame);
    into[count] = reinterpret_cast<const void*>(frame.return_address);
  }
  return count;
}

void render_bad_free(Text& out, const ledger::BadFree& bad) {
  const BadFreeView view = {origin_of(bad.thread != 0 ? ledger_file.thread(bad.thread) : nullptr, bad.time),
                            bad.address,
                            ledger::kBadFreeNames[bad.kind],
                            bad.block,
                            bad.block_bytes,
                            bad.free_stack,
                            bad.first_free_stack,
                            frames_of(bad.allocation_stack)};
  put_bad_free(out, view, kChain);
}

}  // namespace leakdir
