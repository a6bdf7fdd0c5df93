// SPDX-License-Identifier: BSL-1.0
//
// What `metrics` prints, in both formats, and what independent readers of them say of it.

#include "emit/emit_metrics.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "analyse/stack_id.hh"
#include "schemas.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using testing::HasSubstr;
using testing::Not;

TallyStack stack(const std::string& function, std::uint64_t blocks, std::uint64_t bytes) {
  TallyStack made;
  made.call = "malloc";
  made.frames = {{{function, "/src/app.c", 5, false}, "/app", "0x9f6"}};
  made.identity = identity_of(made.frames, "");
  made.own = 0;
  made.blocks = blocks;
  made.bytes = bytes;
  return made;
}

class EmitMetrics : public testing::Test {
 protected:
  EmitMetrics() {
    process.directory = "/run/app/mem";
    process.is_up = process.is_trusted = process.is_running = true;
    process.pid = 4711;
    process.start_ns = 1795425266012345678;
    process.allocations = 17;
    process.frees = 14;
    process.dropped_blocks = 1;
    process.bad_frees = 2;
    process.files_behind = 3;
    process.suppressed_blocks = 4;
    process.suppressed_bytes = 400;
    process.live.program = "/usr/bin/app";
    process.live.stacks = {stack("small", 1, 10), stack("large", 2, 90), stack("middle", 3, 30)};
    process.live.stacks[1].kinds[static_cast<std::size_t>(ledger::Reach::kDefinite)] = {1, 40, 1};
    process.live.stacks[1].kinds[static_cast<std::size_t>(ledger::Reach::kReachable)] = {1, 50, 1};
    process.live.stacks[2].kinds[static_cast<std::size_t>(ledger::Reach::kPossible)] = {3, 30, 1};
  }

  static void expect_good(const std::vector<ProcessMetrics>& processes) {
    const leakdir_test::Scratch scratch;
    const std::string prometheus = scratch / "app.prom", open = scratch / "app.om";
    leakdir_test::write_file(prometheus, metrics_text(processes, 2, MetricsFormat::kPrometheus));
    leakdir_test::write_file(open, metrics_text(processes, 2, MetricsFormat::kOpenMetrics));
    const std::string no_prometheus = leakdir_test::no_prometheus_reader(),
                      no_openmetrics = leakdir_test::no_openmetrics_reader();
    EXPECT_EQ(no_prometheus.empty() ? leakdir_test::faults_of_prometheus(prometheus) : "", "");
    EXPECT_EQ(no_openmetrics.empty() ? leakdir_test::faults_of_openmetrics(open) : "", "");
    if (!no_prometheus.empty() || !no_openmetrics.empty()) GTEST_SKIP() << no_prometheus << " " << no_openmetrics;
  }

  // The samples alone.
  static std::string samples(const std::vector<ProcessMetrics>& processes, std::size_t top = 2,
                             MetricsFormat format = MetricsFormat::kPrometheus) {
    std::string all;
    for (std::string text = metrics_text(processes, top, format); !text.empty();) {
      const std::size_t end = text.find('\n') + 1;
      if (text[0] != '#') all += text.substr(0, end);
      text.erase(0, end);
    }
    return all;
  }

  ProcessMetrics process;
};

constexpr char kSamples[] = R"(leakdir_up{dir="/run/app/mem"} 1
leakdir_trusted{LABELS} 1
leakdir_process_running{LABELS} 1
leakdir_process_pid{LABELS} 4711
leakdir_process_start_time_seconds{LABELS} 1795425266.012
leakdir_live_blocks{LABELS} 6
leakdir_live_bytes{LABELS} 130
leakdir_stack_blocks{LABELS,stack="LARGE",function="large",file="/src/app.c"} 2
leakdir_stack_blocks{LABELS,stack="MIDDLE",function="middle",file="/src/app.c"} 3
leakdir_stack_blocks{LABELS,stack="other",function="",file=""} 1
leakdir_stack_bytes{LABELS,stack="LARGE",function="large",file="/src/app.c"} 90
leakdir_stack_bytes{LABELS,stack="MIDDLE",function="middle",file="/src/app.c"} 30
leakdir_stack_bytes{LABELS,stack="other",function="",file=""} 10
leakdir_suppressed_blocks{LABELS} 4
leakdir_suppressed_bytes{LABELS} 400
leakdir_files_behind{LABELS} 3
leakdir_allocations_total{LABELS} 17
leakdir_frees_total{LABELS} 14
leakdir_dropped_blocks_total{LABELS} 1
leakdir_bad_frees_total{LABELS} 2
)";

constexpr char kKinds[] = R"(leakdir_lost_blocks{LABELS} 4
leakdir_lost_bytes{LABELS} 70
leakdir_kind_blocks{LABELS,kind="definite"} 1
leakdir_kind_blocks{LABELS,kind="indirect"} 0
leakdir_kind_blocks{LABELS,kind="possible"} 3
leakdir_kind_blocks{LABELS,kind="reachable"} 1
leakdir_kind_bytes{LABELS,kind="definite"} 40
leakdir_kind_bytes{LABELS,kind="indirect"} 0
leakdir_kind_bytes{LABELS,kind="possible"} 30
leakdir_kind_bytes{LABELS,kind="reachable"} 50
)";

std::string filled(std::string text) {
  const std::pair<std::string, std::string> places[] = {{"LABELS", R"(dir="/run/app/mem",program="/usr/bin/app")"},
                                                        {"LARGE", stack_id(stack("large", 1, 1))},
                                                        {"MIDDLE", stack_id(stack("middle", 1, 1))}};
  for (const auto& [place, value] : places)
    for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos;) text.replace(at, place.size(), value);
  return text;
}

TEST_F(EmitMetrics, HasANumberForEach) { EXPECT_EQ(samples({process}), filled(kSamples)); }

TEST_F(EmitMetrics, SaysWhatIsLostWhereThatIsKnown) {
  process.knows_kinds = true;
  std::string expected = kSamples;
  expected.insert(expected.find("leakdir_stack_blocks"), kKinds);
  EXPECT_EQ(samples({process}), filled(expected));
  expect_good({process});
}

TEST_F(EmitMetrics, IsTheSameInOpenMetricsButForCountersAndTheEnd) {
  EXPECT_EQ(samples({process}, 2, MetricsFormat::kOpenMetrics), filled(kSamples));
  const std::string prometheus = metrics_text({process}, 2, MetricsFormat::kPrometheus),
                    open = metrics_text({process}, 2, MetricsFormat::kOpenMetrics);
  EXPECT_THAT(prometheus, HasSubstr("\n# HELP leakdir_frees_total Frees that leakdir saw.\n"
                                    "# TYPE leakdir_frees_total counter\n"
                                    "leakdir_frees_total{"));
  EXPECT_THAT(prometheus, Not(HasSubstr("# EOF")));
  EXPECT_THAT(prometheus, Not(HasSubstr("# UNIT")));
  EXPECT_THAT(open, HasSubstr("\n# HELP leakdir_frees Frees that leakdir saw.\n"
                              "# TYPE leakdir_frees counter\n"
                              "leakdir_frees_total{"));
  EXPECT_THAT(open, HasSubstr("\n# HELP leakdir_live_bytes What they hold.\n"
                              "# TYPE leakdir_live_bytes gauge\n"
                              "# UNIT leakdir_live_bytes bytes\n"
                              "leakdir_live_bytes{"));
  EXPECT_THAT(open, testing::EndsWith("\n# EOF\n"));
}

TEST_F(EmitMetrics, KeepsTheSamplesOfAFamilyTogether) {
  ProcessMetrics other = process, gone;
  other.directory = "/run/other/mem";
  other.start_ns = 0;
  gone.directory = "/run/gone/mem";
  EXPECT_THAT(metrics_text({process, gone, other}, 2, MetricsFormat::kPrometheus),
              HasSubstr("# HELP leakdir_up Whether the record directory could be read.\n"
                        "# TYPE leakdir_up gauge\n"
                        "leakdir_up{dir=\"/run/app/mem\"} 1\n"
                        "leakdir_up{dir=\"/run/gone/mem\"} 0\n"
                        "leakdir_up{dir=\"/run/other/mem\"} 1\n"
                        "# HELP leakdir_trusted Whether leakdir saw all that the program allocated, and, with --lost, "
                        "what of it is lost.\n"
                        "# TYPE leakdir_trusted gauge\n"
                        "leakdir_trusted{dir=\"/run/app/mem\",program=\"/usr/bin/app\"} 1\n"
                        "leakdir_trusted{dir=\"/run/other/mem\",program=\"/usr/bin/app\"} 1\n"
                        "# HELP leakdir_process_running "));
  expect_good({process, gone, other});
  EXPECT_EQ(metrics_text({gone}, 2, MetricsFormat::kPrometheus),
            "# HELP leakdir_up Whether the record directory could be read.\n"
            "# TYPE leakdir_up gauge\n"
            "leakdir_up{dir=\"/run/gone/mem\"} 0\n");
  expect_good({gone});
}

TEST_F(EmitMetrics, NamesMayBeAnyBytes) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  process.knows_kinds = true;
  process.directory = process.live.program = all;
  process.live.stacks = {stack(all, 1, 1)};
  process.live.stacks[0].frames[0].line.file = all;
  expect_good({process});
  process.directory = "a\"b\\c\nd\xff";
  EXPECT_THAT(samples({process}), HasSubstr("leakdir_up{dir=\"a\\\"b\\\\c\\\\x0ad\\\\xff\"} 1\n"));
}

TEST_F(EmitMetrics, TheReadersFindFaults) {
  const leakdir_test::Scratch scratch;
  leakdir_test::write_file(scratch / "bad", "# HELP a b\n# TYPE a counter\na{x=\"\n\"} 1\n");
  if (leakdir_test::no_prometheus_reader().empty()) {
    EXPECT_NE(leakdir_test::faults_of_prometheus(scratch / "bad"), "");
  }
  if (leakdir_test::no_openmetrics_reader().empty()) {
    EXPECT_NE(leakdir_test::faults_of_openmetrics(scratch / "bad"), "");
  }
}

TEST_F(EmitMetrics, OfASampleItSaysSo) {
  EXPECT_THAT(metrics_text({process}, 2, MetricsFormat::kPrometheus), Not(HasSubstr("leakdir_sample_bytes")));
  process.sample_bytes = 524288;
  EXPECT_THAT(metrics_text({process}, 2, MetricsFormat::kPrometheus),
              testing::ContainsRegex("\nleakdir_sample_bytes\\{[^}]*\\} 524288\n"));
  expect_good({process});
}

}  // namespace
}  // namespace leakdir::tool
