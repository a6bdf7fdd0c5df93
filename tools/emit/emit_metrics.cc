// SPDX-License-Identifier: BSL-1.0
//
// All samples of a family stand together, whatever process they are of, as both formats want it. Names and labels are
// never renamed or removed: dashboards and alerts hold them.

#include "emit_metrics.hh"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "analyse/stack_id.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

constexpr char kOtherStacks[] = "other";

// Between the quotes of a label. What is printable has no line's end.
std::string label_text(std::string_view value) {
  std::string safe;
  for (char c : printable(value)) {
    if (c == '\\' || c == '"') safe += '\\';
    safe += c;
  }
  return safe;
}

std::string label(const char* name, std::string_view value) {
  return fmt::format("{}=\"{}\"", name, label_text(value));
}

struct StackSum {
  std::string labels;
  std::uint64_t blocks = 0, bytes = 0;
};

// The largest, and all others as one: they add up to what is live.
std::vector<StackSum> stack_sums(const Tally& live, std::size_t top) {
  std::vector<const TallyStack*> order;
  for (const auto& stack : live.stacks) order.push_back(&stack);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->bytes > b->bytes; });
  std::vector<StackSum> sums;
  StackSum others{label("stack", kOtherStacks) + "," + label("function", "") + "," + label("file", "")};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const TallyStack& stack = *order[i];
    if (i < top) {
      const bool has_frame = stack.own < stack.frames.size();
      sums.push_back({label("stack", stack_id(stack)) + "," + label("function", own_function_of(stack)) + "," +
                          label("file", has_frame ? stack.frames[stack.own].line.file : ""),
                      stack.blocks, stack.bytes});
    } else {
      others.blocks += stack.blocks;
      others.bytes += stack.bytes;
    }
  }
  sums.push_back(others);
  return sums;
}

Amount of_kind(const Tally& live, ledger::Reach reach) {
  Amount sum;
  for (const auto& stack : live.stacks) {
    const Amount& kind = stack.kinds[static_cast<std::size_t>(reach)];
    sum.blocks += kind.blocks;
    sum.bytes += kind.bytes;
  }
  return sum;
}

Amount lost_in(const Tally& live) {
  Amount sum;
  for (const auto& stack : live.stacks) {
    sum.blocks += stack.lost().blocks;
    sum.bytes += stack.lost().bytes;
  }
  return sum;
}

class Metrics {
 public:
  Metrics(const std::vector<ProcessMetrics>& processes, MetricsFormat format)
      : processes_(processes), is_open_(format == MetricsFormat::kOpenMetrics) {}

  std::string make(std::size_t top) && {
    gauge(
        "leakdir_up", "Whether the record directory could be read.", "",
        [this](const ProcessMetrics& process) { put(label("dir", process.directory), process.is_up); }, true);
    gauge("leakdir_trusted",
          "Whether leakdir saw all that the program allocated, and, with --lost, what of it is lost.", "",
          number(&ProcessMetrics::is_trusted));
    gauge("leakdir_process_running", "Whether the process runs.", "", number(&ProcessMetrics::is_running));
    gauge("leakdir_process_pid", "The process that the numbers are of.", "", number(&ProcessMetrics::pid));
    gauge("leakdir_process_start_time_seconds", "When the process started, since 1970.", "seconds",
          [this](const ProcessMetrics& process) {
            if (process.start_ns > 0)
              put(labels(process),
                  fmt::format("{}.{:03}", process.start_ns / 1'000'000'000, process.start_ns / 1'000'000 % 1000));
          });
    if (std::any_of(processes_.begin(), processes_.end(),
                    [](const auto& process) { return process.sample_bytes != 0; }))
      gauge("leakdir_sample_bytes", "Not 0: what is live is estimated, from one block recorded in so many bytes.",
            "bytes", number(&ProcessMetrics::sample_bytes));
    gauge("leakdir_live_blocks", "Heap blocks that are live.", "",
          [this](const ProcessMetrics& process) { put(labels(process), process.live.blocks()); });
    gauge("leakdir_live_bytes", "What they hold.", "bytes",
          [this](const ProcessMetrics& process) { put(labels(process), process.live.bytes()); });
    put_kinds();
    put_stacks(top);
    gauge("leakdir_suppressed_blocks", "Live blocks that are left out as they are known.", "",
          number(&ProcessMetrics::suppressed_blocks));
    gauge("leakdir_suppressed_bytes", "What they hold.", "bytes", number(&ProcessMetrics::suppressed_bytes));
    gauge("leakdir_files_behind", "Record files that should be there by now.", "",
          number(&ProcessMetrics::files_behind));
    counter("leakdir_allocations", "Allocations that leakdir saw.", number(&ProcessMetrics::allocations));
    counter("leakdir_frees", "Frees that leakdir saw.", number(&ProcessMetrics::frees));
    counter("leakdir_dropped_blocks", "Blocks that could not be recorded.", number(&ProcessMetrics::dropped_blocks));
    counter("leakdir_bad_frees", "Frees of what is no live block.", number(&ProcessMetrics::bad_frees));
    if (is_open_) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  using PutSamples = std::function<void(const ProcessMetrics&)>;

  template <class Number>
  PutSamples number(Number ProcessMetrics::*member) {
    return [this, member](const ProcessMetrics& process) { put(labels(process), process.*member); };
  }

  static std::string labels(const ProcessMetrics& process) {
    return label("dir", process.directory) + "," + label("program", process.live.program);
  }

  void gauge(const char* name, const char* help, const char* unit, const PutSamples& put_samples, bool of_all = false) {
    family(name, name, "gauge", help, unit, put_samples, of_all);
  }

  // The family is named without _total in OpenMetrics, the samples are not.
  void counter(const std::string& name, const char* help, const PutSamples& put_samples) {
    family(is_open_ ? name : name + "_total", name + "_total", "counter", help, "", put_samples, false);
  }

  // `of_all`: those that could not be read, too. A family without a sample is left out.
  void family(const std::string& name, const std::string& sample, const char* type, const char* help,
              const std::string& unit, const PutSamples& put_samples, bool of_all) {
    const std::size_t begin = text_.size();
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    if (is_open_ && !unit.empty()) text_ += fmt::format("# UNIT {} {}\n", name, unit);
    const std::size_t head = text_.size();
    sample_ = sample;
    for (const auto& process : processes_)
      if (of_all || process.is_up) put_samples(process);
    if (text_.size() == head) text_.resize(begin);
  }

  template <class Number>
  void put(const std::string& labels, const Number& value) {
    text_ += fmt::format("{}{{{}}} {:d}\n", sample_, labels, value);
  }
  void put(const std::string& labels, const std::string& value) {
    text_ += fmt::format("{}{{{}}} {}\n", sample_, labels, value);
  }

  void put_kinds() {
    gauge("leakdir_lost_blocks", "Live blocks that nobody can reach any more, where that is known.", "",
          [this](const ProcessMetrics& process) {
            if (process.knows_kinds) put(labels(process), lost_in(process.live).blocks);
          });
    gauge("leakdir_lost_bytes", "What they hold.", "bytes", [this](const ProcessMetrics& process) {
      if (process.knows_kinds) put(labels(process), lost_in(process.live).bytes);
    });
    gauge("leakdir_kind_blocks", "Live blocks of each kind that is known.", "",
          [this](const ProcessMetrics& process) { put_each_kind(process, &Amount::blocks); });
    gauge("leakdir_kind_bytes", "What they hold.", "bytes",
          [this](const ProcessMetrics& process) { put_each_kind(process, &Amount::bytes); });
  }

  void put_each_kind(const ProcessMetrics& process, std::uint64_t Amount::*member) {
    if (!process.knows_kinds) return;
    for (const ledger::Reach reach : kKindOrder)
      if (reach != ledger::Reach::kUnknown)
        put(labels(process) + "," + label("kind", ledger::kReachWords[static_cast<std::size_t>(reach)]),
            of_kind(process.live, reach).*member);
  }

  void put_stacks(std::size_t top) {
    const auto each = [this, top](const ProcessMetrics& process, std::uint64_t StackSum::*member) {
      for (const auto& sum : stack_sums(process.live, top)) put(labels(process) + "," + sum.labels, sum.*member);
    };
    gauge("leakdir_stack_blocks", "Live blocks of the stacks that hold most, and of all others.", "",
          [&](const ProcessMetrics& process) { each(process, &StackSum::blocks); });
    gauge("leakdir_stack_bytes", "What they hold.", "bytes",
          [&](const ProcessMetrics& process) { each(process, &StackSum::bytes); });
  }

  const std::vector<ProcessMetrics>& processes_;
  bool is_open_;
  std::string text_, sample_;
};

}  // namespace

std::string metrics_text(const std::vector<ProcessMetrics>& processes, std::size_t top, MetricsFormat format) {
  return Metrics(processes, format).make(top);
}

}  // namespace leakdir::tool
