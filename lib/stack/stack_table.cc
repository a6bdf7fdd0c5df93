// SPDX-License-Identifier: BSL-1.0
#include "stack_table.hh"

#include "frame_owner.hh"
#include "functions.hh"
#include "ledger/ledger_file.hh"
#include "modules.hh"
#include "system/probe_table.hh"
#include "system/process.hh"
#include "walk/fast_walk.hh"

namespace leakdir {

std::atomic<std::uint32_t> nodes_epoch{1};

namespace {

// A slot: upper half of the hash << 32 | node.
ProbeTable<2048, 2, 10> nodes;

std::uint64_t hash_of(std::uint32_t parent, std::uint64_t pc) {
  return mix(pc ^ (std::uint64_t{parent} << 40) ^ (std::uint64_t{parent} * 0x9e3779b1));
}

[[gnu::always_inline]] inline std::uint32_t find(std::uint64_t hash, std::uint32_t parent, std::uint64_t pc) {
  std::uint32_t node = 0;
  nodes.find(hash, [&](std::uint64_t word) {
    if (word >> 32 != hash >> 32) return false;
    const ledger::Node& candidate = *ledger_file.node(static_cast<std::uint32_t>(word));
    if (candidate.parent != parent || ledger::low48(candidate.pc_module) != pc) return false;
    if (is_unloaded(ledger::high16(candidate.pc_module))) return false;
    node = static_cast<std::uint32_t>(word);
    return true;
  });
  return node;
}

// Whether the node behind `parent` is the frame `pc` that it calls, as it mostly is where a stack was new as a whole.
// It lies in the line of memory that was read last; the table, and what it leads to, may lie anywhere.
bool is_next_node(std::uint32_t parent, std::uint64_t pc) {
  constexpr std::uint32_t kNodesPerPage = 4096 / sizeof(ledger::Node);
  if (parent == 0 || (parent + 1) % kNodesPerPage == 0) return false;  // the next page may not be there
  const ledger::Node& next = *ledger_file.node(parent + 1);
  if (__atomic_load_n(&next.parent, __ATOMIC_ACQUIRE) != parent) return false;
  const unsigned module = ledger::high16(next.pc_module);
  return ledger::low48(next.pc_module) == pc && !ledger::is_no_frame(module) && !is_unloaded(module);
}

std::uint32_t add(std::uint64_t hash, const ledger::Node& content) {
  const std::uint32_t node = ledger_file.take(ledger::Kind::kNodes, 1);
  if (node == 0) return 0;
  ledger::Node& made = *ledger_file.node(node);
  made.pc_module = content.pc_module;
  made.line = content.line;
  __atomic_store_n(&made.parent, content.parent, __ATOMIC_RELEASE);  // is_next_node() looks at it first
  nodes.insert(
      hash, hash >> 32 << 32 | node);  // where it has no room the node is never found again, and is right all the same
  return node;
}

std::uint32_t find_equal(std::uint64_t hash, const ledger::Node& wanted) {
  std::uint32_t node = 0;
  nodes.find(hash, [&](std::uint64_t word) {
    if (word >> 32 != hash >> 32) return false;
    const ledger::Node& known = *ledger_file.node(static_cast<std::uint32_t>(word));
    if (known.pc_module != wanted.pc_module || known.parent != wanted.parent || known.line != wanted.line) return false;
    node = static_cast<std::uint32_t>(word);
    return true;
  });
  return node;
}

// Names of source files, each in the ledger once. A slot: upper half of the hash << 32 | offset of the text.
ProbeTable<128, 2, 8> files;

LEAKDIR_SLOW std::uint32_t add_frame(std::uint64_t hash, std::uint32_t parent, std::uintptr_t pc,
                                     const ReentryGuard& guard) {
  if (stacks_are_outdated(guard)) return stack_node(parent, pc, guard);
  const std::uint32_t module = module_of(pc, guard);
  const std::uint32_t known = find(hash, parent, pc & ledger::kMask48);  // of a module that is back
  if (known != 0) return known;
  return add(hash, {ledger::node_word(pc, module), parent, frame_line(parent, pc, module, guard)});
}

}  // namespace

void leave_nodes_to_parent() { nodes.begin_small(); }

LEAKDIR_SLOW bool stacks_are_outdated(const ReentryGuard& guard) {
  if (!modules_were_unloaded(guard) || !refresh_modules(guard)) return false;
  nodes_epoch.fetch_add(1, std::memory_order_release);
  forget_function_kinds();
  fast_walk_forget(0, UINTPTR_MAX);
  hooks_are_outdated();
  return true;
}

std::uint32_t stack_node(std::uint32_t parent, std::uintptr_t return_address, const ReentryGuard& guard) {
  const std::uint64_t pc = return_address & ledger::kMask48;
  if (is_next_node(parent, pc)) return parent + 1;
  const std::uint64_t hash = hash_of(parent, pc);
  const std::uint32_t known = find(hash, parent, pc);
  return LEAKDIR_LIKELY(known != 0) ? known : add_frame(hash, parent, return_address, guard);
}

std::uint32_t bare_stack_node(std::uint32_t parent, std::uintptr_t return_address) {
  const std::uint64_t pc = return_address & ledger::kMask48;
  const std::uint64_t hash = hash_of(parent, pc);
  const std::uint32_t known = find(hash, parent, pc);
  if (known != 0) return known;
  return add(hash, {ledger::node_word(pc, known_module_of(pc)), parent, 0});
}

LEAKDIR_SLOW std::uint32_t text_of_file(const char* file) {
  std::uint64_t hash = 0;
  for (const char* c = file; *c != '\0'; ++c) hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3;
  hash = mix(hash);
  std::uint32_t text = 0;
  files.find(hash, [&](std::uint64_t word) {
    if (word >> 32 != hash >> 32) return false;
    const char* known = ledger_file.text(static_cast<std::uint32_t>(word));
    const char* c = file;
    while (*c != '\0' && *c == *known) ++c, ++known;
    if (*c != *known) return false;
    text = static_cast<std::uint32_t>(word);
    return true;
  });
  if (text != 0) return text;
  text = ledger_file.add_text(file);
  if (text != 0) files.insert(hash, hash >> 32 << 32 | text);
  return text;
}

LEAKDIR_SLOW std::uint32_t place_node(std::uint32_t parent, std::uint32_t file, std::uint32_t line) {
  return node_like({ledger::node_word(file, ledger::kPlaceModule), 0, line}, parent);
}

LEAKDIR_SLOW std::uint32_t size_node(std::uint32_t parent, std::uint64_t size_bytes) {
  return node_like({ledger::node_word(size_bytes >> ledger::kSizeBits, ledger::kSizeModule), 0, 0}, parent);
}

std::uint32_t node_like(const ledger::Node& content, std::uint32_t parent) {
  const ledger::Node wanted = {content.pc_module, parent, content.line};
  const std::uint64_t pc = ledger::low48(content.pc_module);
  const unsigned module = ledger::high16(content.pc_module);
  // What is no frame is not to be found as one.
  std::uint64_t hash = hash_of(parent, pc);
  if (ledger::is_no_frame(module)) hash = mix(hash ^ content.line ^ module << 16);
  const std::uint32_t known = find_equal(hash, wanted);
  return known != 0 ? known : add(hash, wanted);
}

}  // namespace leakdir
