// SPDX-License-Identifier: BSL-1.0
#include "record.hh"

namespace leakdir {
namespace {

// The caller's address for line 1: 0 when there is no stack.
std::uint64_t caller_offset(const FrameChain& chain, std::uint32_t stack) {
  if (stack == 0) return 0;
  FrameView frame = {};
  chain.frame(chain.context, stack, &frame);
  return frame.path != nullptr ? frame.offset : frame.return_address;
}

void put_origin(Text& out, const RecordOrigin& origin) {
  out.put("thread: ").dec(origin.tid).put(' ').one_line(origin.thread_name).put('\n');
  out.put("time: ").utc(origin.realtime_ns).put('\n');
}

void put_program(Text& out, const RecordOrigin& origin) {
  out.put("program: ").one_line(origin.program).put('\n');
  if (origin.build_id_bytes != 0) {
    out.put("build-id: ").hex_bytes(origin.build_id, origin.build_id_bytes).put('\n');
  }
}

// The modules of one stack in the order in which they are met. A stack that crosses more of them than this (plugins
// that call plugins) has no addr2line line for the rest; its frames are all there.
struct ModulesMet {
  static constexpr unsigned kMost = 12;
  unsigned module[kMost];
  const char* path[kMost];
  unsigned count = 0;

  void meet(const FrameView& frame) {
    if (frame.path == nullptr) return;
    for (unsigned i = 0; i < count; ++i) {
      if (module[i] == frame.module) return;
    }
    if (count == kMost) return;
    module[count] = frame.module;
    path[count++] = frame.path;
  }
};

void put_stack(Text& out, const FrameChain& chain, std::uint32_t stack) {
  unsigned frames = 0;
  FrameView frame = {};
  for (std::uint32_t node = stack; node != 0 && frames < kMaxFrames; ++frames) {
    node = chain.frame(chain.context, node, &frame);
  }
  out.put("frames: ").dec(frames).put('\n');

  ModulesMet met;
  std::uint32_t node = stack;
  for (unsigned i = 0; i < frames; ++i) {
    const std::size_t line_start = out.size();
    node = chain.frame(chain.context, node, &frame);
    met.meet(frame);
    out.put('#').dec(i).put(' ').hex(frame.return_address).put(' ');
    if (frame.path != nullptr) {
      out.one_line(frame.path).put('+').hex(frame.offset);
    } else {
      out.put('?');
    }
    out.put('\n');
    if (out.full()) return out.cut_to(line_start);
  }

  for (unsigned m = 0; m < met.count; ++m) {
    const std::size_t line_start = out.size();
    out.put("addr2line: addr2line -Cfipe ").shell_word(met.path[m]);
    node = stack;
    for (unsigned i = 0; i < frames; ++i) {
      node = chain.frame(chain.context, node, &frame);
      if (frame.path != nullptr && frame.module == met.module[m]) out.put(' ').hex(frame.offset - 1);
    }
    out.put('\n');
    if (out.full()) return out.cut_to(line_start);
  }
}

void put_named_stack(Text& out, const char* name, const FrameChain& chain, std::uint32_t stack) {
  if (stack == 0) return;
  out.put("stack: ").put(name).put('\n');
  put_stack(out, chain, stack);
}

}  // namespace

void put_record_name(Text& out, std::uint64_t address, const char* suffix) { out.hex(address).put(suffix); }

void put_record(Text& out, const RecordView& record, const FrameChain& chain) {
  put_record_head(out, record, chain);
  put_record_tail(out, record, chain);
}

void put_record_head(Text& out, const RecordView& record, const FrameChain& chain) {
  out.put("[+").hex(caller_offset(chain, record.stack)).put("] --> addr:").hex(record.address);
  out.put(", size:").dec(record.size_bytes).put('\n');
  out.put("call: ").put(record.call).put('\n');
  put_origin(out, record.origin);
  out.put("sequence: ").dec(record.sequence).put('\n');
}

void put_record_tail(Text& out, const RecordView& record, const FrameChain& chain) {
  put_program(out, record.origin);
  if (record.file != nullptr) out.put("location: ").one_line(record.file).put(':').dec(record.line).put('\n');
  if (record.early) out.put("early: yes\n");
  if (record.inherited) out.put("inherited: yes\n");
  if (record.truncated) out.put("truncated: yes\n");
  put_stack(out, chain, record.stack);
}

void put_bad_free(Text& out, const BadFreeView& bad, const FrameChain& chain) {
  out.put("[+").hex(caller_offset(chain, bad.free_stack)).put("] --> bad free:").hex(bad.address);
  out.put(", ").put(bad.kind).put('\n');
  out.put("kind: ").put(bad.kind).put('\n');
  put_origin(out, bad.origin);
  put_program(out, bad.origin);
  if (bad.block != 0) {
    out.put("block: ").hex(bad.block).put('\n');
    out.put("block-size: ").dec(bad.block_bytes).put('\n');
  }
  put_named_stack(out, "free", chain, bad.free_stack);
  put_named_stack(out, "first free", chain, bad.first_free_stack);
  put_named_stack(out, "allocation", chain, bad.allocation_stack);
}

}  // namespace leakdir
