// SPDX-License-Identifier: BSL-1.0
//
// What monitoring systems read: numbers of one or several processes, told apart by their record directories. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analyse/tally.hh"

namespace leakdir::tool {

struct ProcessMetrics {
  std::string directory;
  bool is_up = false;  // it could be read; else there is nothing more to know

  bool is_trusted = false;  // trust.hh
  bool is_running = false;
  std::uint32_t pid = 0;
  std::int64_t start_ns = 0;  // 0 or less: not known
  std::uint64_t allocations = 0, frees = 0, dropped_blocks = 0, bad_frees = 0, files_behind = 0;
  std::uint64_t sample_bytes = 0;  // not 0: what is live is estimated from a sample
  std::uint64_t suppressed_blocks = 0, suppressed_bytes = 0;
  bool knows_kinds = false;
  Tally live;
};

// https://prometheus.io/docs/instrumenting/exposition_formats/, which node_exporter's textfile collector reads; or
// https://prometheus.io/docs/specs/om/open_metrics_spec/, which has another way to name counters.
enum class MetricsFormat { kPrometheus, kOpenMetrics };

// `top`: that many stacks of each have a number of their own, and the others one together.
std::string metrics_text(const std::vector<ProcessMetrics>& processes, std::size_t top, MetricsFormat format);

}  // namespace leakdir::tool
