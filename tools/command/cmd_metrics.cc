// SPDX-License-Identifier: BSL-1.0
//
// leakdir metrics: what is live as numbers for a monitoring system, to be run by a timer. One directory that cannot be
// read does not keep those of the others away.

#include <set>

#include "analyse/trust.hh"
#include "base/error.hh"
#include "base/output.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit_metrics.hh"
#include "load/load.hh"
#include "load_tally.hh"

namespace leakdir::tool {

namespace {

class MetricsCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directories(app, directories_, "are told apart by the label dir");
    add_flag(app, "--all", is_of_all_, "With all processes that have recorded in DIR/<pid>/, as one");
    add_top(app, top_, "10; the others are one sample");
    add_format(app, format_, {"prometheus", "openmetrics"});
    add_file(app, "-o,--output", output_, "Write to a file, which appears whole or not at all");
    add_lost(app, kinds_);
    add_min_age(app, options_.min_age);
    add_alloc_fn(app, options_.alloc_fns);
    add_suppression_options(app, options_.suppressions);
    add_symbol_options(app, options_.symbols);
    add_footer(app,
               "For node_exporter's textfile collector: -o FILE.prom in its directory, by a timer. "
               "Exit status: 0 done; 1 a directory could not be read (its leakdir_up is 0), or the file not written; 2 "
               "usage.");
  }

  int run() override {
    options_.figures = Figures::kEstimated;
    read_suppression_files(options_.suppressions);  // a mistake of the user's, and not of a directory
    std::vector<ProcessMetrics> processes;
    std::set<std::string> seen;  // a sample that is there twice is an error of who wrote it
    for (const auto& directory : directories_)
      if (seen.insert(directory).second) processes.push_back(read(directory));
    const std::string text = metrics_text(
        processes, top_, format_ == "openmetrics" ? MetricsFormat::kOpenMetrics : MetricsFormat::kPrometheus);
    if (output_.empty()) {
      Output output("");
      output.write(text);
      output.finish();
    } else {
      write_whole(output_, text, 0644);
    }
    return status_;
  }

 private:
  ProcessMetrics read(const std::string& directory) {
    ProcessMetrics metrics;
    metrics.directory = directory;
    try {
      metrics.is_trusted = true;
      Snapshot snapshot = load_all({directory}, is_of_all_, [&](std::vector<Snapshot>& snapshots) {
        const std::vector<std::string> doubts = find_kinds_of_each(kinds_, snapshots);
        for (std::size_t i = 0; i < snapshots.size(); ++i) {
          const Snapshot& one = snapshots[i];
          metrics.is_trusted &= distrust(one).empty() && doubts[i].empty() && (!is_of_all_ || why_not_all(one).empty());
          // Where it cannot be known what is lost that is no reason to know nothing.
          if (!doubts[i].empty()) snapshots[i].warnings.push_back(doubts[i]);
        }
      });
      MadeTally made = tally_of(snapshot, options_);
      for (const auto& warning : made.tally.warnings) say("warning: " + warning);
      metrics.is_up = true;
      set_process(metrics, snapshot);
      metrics.start_ns = snapshot.start_ns;
      metrics.sample_bytes = snapshot.sample_bytes;
      metrics.allocations = snapshot.allocations;
      metrics.frees = snapshot.frees;
      metrics.dropped_blocks = snapshot.dropped_blocks;
      metrics.bad_frees = snapshot.bad_frees_seen;
      metrics.files_behind = snapshot.files_behind;
      metrics.suppressed_blocks = made.suppressed.blocks + made.kept_by_runtimes.blocks;
      metrics.suppressed_bytes = made.suppressed.bytes + made.kept_by_runtimes.bytes;
      metrics.knows_kinds = knows_kinds(snapshot);
      metrics.live = std::move(made.tally);
    } catch (const Error& error) {
      say(error.what());
      status_ = 1;
    }
    return metrics;
  }

  // Of several the first that runs: who has become a daemon has left the first of all behind.
  static void set_process(ProcessMetrics& metrics, const Snapshot& snapshot) {
    metrics.is_running = snapshot.state == State::kRunning;
    metrics.pid = snapshot.pid;
    for (const Process& process : snapshot.processes) {
      if (process.state != State::kRunning) continue;
      metrics.is_running = true;
      metrics.pid = process.pid;
      return;
    }
  }

  std::vector<std::string> directories_;
  bool is_of_all_ = false;
  std::size_t top_ = 10;
  std::string format_ = "prometheus", output_;
  KindOptions kinds_;
  TallyOptions options_;
  int status_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_metrics() { return std::make_unique<MetricsCommand>(); }

}  // namespace leakdir::tool
