// SPDX-License-Identifier: BSL-1.0
//
// Stacks stored once: each distinct pair of (calling frame, return address) is a node in the ledger, and a stack is the
// node of its innermost frame. Lock-free; two threads that meet a new frame at the same instant may make it twice,
// which costs 16 bytes and changes nothing.

#pragma once

#include <atomic>
#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"
#include "system/guard.hh"

namespace leakdir {

// The node of `return_address` called from `parent` (0: the outermost frame). 0 when the ledger cannot grow.
std::uint32_t stack_node(std::uint32_t parent, std::uintptr_t return_address, const ReentryGuard&);

// The same without looking at modules and functions: for nested calls and before start-up, where nothing may be asked
// of the loader or the unwinder.
std::uint32_t bare_stack_node(std::uint32_t parent, std::uintptr_t return_address);

// The name of a source file as a text of the ledger, stored once; 0: no room.
std::uint32_t text_of_file(const char* file);

// The node of a place in the source, from the macro hook; `parent` is the innermost frame (ledger::kPlaceModule).
std::uint32_t place_node(std::uint32_t parent, std::uint32_t file, std::uint32_t line);

// The node of what a block's size has above its row's bits; `parent` is its stack (ledger::kSizeModule).
std::uint32_t size_node(std::uint32_t parent, std::uint64_t size_bytes);

// A node as another ledger has it, below `parent` in this one. Also for the helper thread.
std::uint32_t node_like(const ledger::Node& content, std::uint32_t parent);

// In a forked child, which begins its own ledger: nodes of its parent's are never found again.
void leave_nodes_to_parent();

// Asks whether a module was unloaded, and if so forgets what was known of addresses. To be asked when the loader
// allocates: it is about to load something, perhaps at the same addresses.
bool stacks_are_outdated(const ReentryGuard&);

// Changes with that: nodes that were kept from before are not to be used.
LEAKDIR_OURS extern std::atomic<std::uint32_t> nodes_epoch;
inline std::uint32_t stack_epoch() { return nodes_epoch.load(std::memory_order_acquire); }

}  // namespace leakdir
