// SPDX-License-Identifier: BSL-1.0
//
// Exceptions in flight: allocations in destructors that run while the stack is unwound, in catch blocks, between
// frames.

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "scenarios.hh"

namespace differential {
namespace {

struct AllocatesWhenItGoes {
  int depth;
  ~AllocatesWhenItGoes() {
    compare();
    std::string text(static_cast<std::size_t>(40 + depth), 'x');
    asm volatile("" ::"r"(text.data()) : "memory");
  }
};

struct Odd : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[gnu::noinline]] int throw_at(int depth) {
  AllocatesWhenItGoes guard{depth};
  if (depth == 0) throw Odd("an exception with a text that has to be allocated");
  if (depth % 7 == 3) {
    try {
      return kept(throw_at(depth - 1)) + 1;
    } catch (const Odd& odd) {
      compare();
      throw std::runtime_error(std::string(odd.what()) + " and more");
    }
  }
  if (depth % 7 == 5) {
    try {
      return kept(throw_at(depth - 1)) + 1;
    } catch (...) {
      compare();
      throw;
    }
  }
  return kept(throw_at(depth - 1)) + 1;
}

[[gnu::noinline]] void throw_nested(int depth) {
  try {
    if (depth == 0) throw Odd("innermost");
    throw_nested(depth - 1);
  } catch (...) {
    compare();
    std::throw_with_nested(std::runtime_error("level " + std::to_string(depth)));
  }
}

struct ThrowsInside {
  // A whole exception while another one is in flight.
  ~ThrowsInside() {
    try {
      throw_at(4);
    } catch (const std::exception&) {
      compare();
    }
  }
};

}  // namespace

void exceptions() {
  for (int depth = 0; depth < 30; ++depth) {
    try {
      throw_at(depth);
    } catch (const std::exception&) {
      compare();
    }
    compare();
  }
  try {
    throw_nested(9);
  } catch (...) {
    const std::exception_ptr kept = std::current_exception();
    try {
      ThrowsInside inside;
      std::rethrow_exception(kept);
    } catch (...) {
      compare();
    }
  }
}

}  // namespace differential
