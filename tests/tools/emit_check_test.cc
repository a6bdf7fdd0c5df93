// SPDX-License-Identifier: BSL-1.0
//
// What `check` prints, in each format, and what independent readers of two of them say of it; with names of any bytes.

#include "emit/emit_check.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "analyse/stack_id.hh"
#include "base/utf8.hh"
#include "base/xml.hh"
#include "emit/uri.hh"
#include "json.hh"
#include "schemas.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using Json = nlohmann::json;
using Emit = void (*)(const CheckReport&, const Sink&);
using testing::HasSubstr;

TallyStack stack(const std::string& function, std::uint64_t blocks, std::uint64_t bytes) {
  TallyStack made;
  made.call = "malloc";
  made.frames = {{{"xmalloc", "/home/you/app/src/x.c", 5, true}, "/home/you/app/app", "0x9f6"},
                 {{function, "/home/you/app/src/my app.c", 17, false}, "/home/you/app/app", "0x9f6"},
                 {{"", "", 0, false}, "/lib/libz.so.1", "0x10"}};
  made.identity = identity_of(made.frames, "");
  made.own = 1;
  made.blocks = blocks;
  made.bytes = bytes;
  return made;
}

class EmitCheck : public testing::Test {
 protected:
  EmitCheck() {
    judged.now.program = "/home/you/app/app";
    judged.now.state = "exited";
    judged.now.stacks = {stack("make", 3, 30), stack("open", 1, 10)};
    judged.before.origin = "known.json";
  }

  void has_baseline() {
    judged.against = Judged::Against::kBaseline;
    judged.before.stacks = {stack("make", 1, 10)};
    judged.before.stacks[0].frames.clear();
    judged.before.stacks[0].own = kNoFrame;
  }

  void has_bad_free() {
    judged.now.bad_frees = {stack("drop", 2, 0)};
    judged.now.bad_frees[0].call = "double free";
  }

  std::string emit(Emit emit_as, std::size_t top = 100) {
    const Verdict verdict = doubt.empty() ? judge(judged, {}) : Verdict::without_trust(doubt);
    std::string text;
    emit_as({verdict, judged.now, judged.against != Judged::Against::kNothing, judged.before, notes, warnings,
             std::min(top, verdict.stacks.size()), std::min(top, verdict.bad_frees.size()), "/home/you/app",
             1795425266000000000, "1.2.3"},
            [&text](std::string_view piece) { text += piece; });
    return text;
  }

  void expect_good_junit() {
    if (const std::string why = leakdir_test::no_junit_reader(); !why.empty()) GTEST_SKIP() << why;
    leakdir_test::write_file(scratch / "junit.xml", emit(emit_check_junit));
    EXPECT_EQ(leakdir_test::faults_of_junit(scratch / "junit.xml"), "") << emit(emit_check_junit);
  }

  void expect_good_sarif() {
    if (const std::string why = leakdir_test::no_sarif_reader(); !why.empty()) GTEST_SKIP() << why;
    leakdir_test::write_file(scratch / "check.sarif", emit(emit_check_sarif));
    EXPECT_EQ(leakdir_test::faults_of_sarif(scratch / "check.sarif"), "") << emit(emit_check_sarif);
  }

  Judged judged;
  std::string doubt;
  std::vector<std::string> notes, warnings;
  leakdir_test::Scratch scratch;
};

TEST_F(EmitCheck, TheReadersFindFaults) {
  const std::string xml = scratch / "junit.xml", sarif = scratch / "check.sarif";
  std::string text = emit(emit_check_junit);
  leakdir_test::write_file(xml, text.replace(text.find(" hostname"), 9, " host"));
  if (leakdir_test::no_junit_reader().empty()) {
    EXPECT_THAT(leakdir_test::faults_of_junit(xml), HasSubstr("'host'"));
  }
  Json json = Json::parse(emit(emit_check_sarif));
  json["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0;
  leakdir_test::write_file(sarif, json.dump());
  if (leakdir_test::no_sarif_reader().empty()) {
    EXPECT_THAT(leakdir_test::faults_of_sarif(sarif), HasSubstr("startLine"));
  }
}

constexpr char kFrames[] =
    "    #0 xmalloc /home/you/app/src/x.c:5 (inlined)\n"
    "    #1 make /home/you/app/src/my app.c:17\n"
    "    #2 /lib/libz.so.1+0x10\n";

std::string frames_of(const std::string& function) {
  std::string frames = kFrames;
  return frames.replace(frames.find("make"), 4, function);
}

TEST(StackId, IsTheSameForEver) {
  EXPECT_EQ(stack_id(stack("make", 3, 30)), "526460462553a9be");
  TallyStack other = stack("make", 4, 44);
  other.frames.clear();
  EXPECT_EQ(stack_id(other), stack_id(stack("make", 3, 30))) << "sizes and lines do not count";
  other.call = "calloc";
  EXPECT_NE(stack_id(other), stack_id(stack("make", 3, 30)));
  EXPECT_NE(stack_id(stack("makes", 3, 30)), stack_id(stack("make", 3, 30)));
  // One name that ends where another begins.
  TallyStack one, two;
  one.identity = {"a", "bc"};
  two.identity = {"ab", "c"};
  EXPECT_NE(stack_id(one), stack_id(two));
}

TEST_F(EmitCheck, TextShowsTheStacksBelowTheLine) {
  const std::string line =
      "leak: 4 live blocks, 40 bytes in 2 stacks by function; the largest: make /home/you/app/src/my app.c:17\n";
  const std::string first = "\n30 bytes in 3 blocks, 75.0 %, malloc, in make (#1)\n" + frames_of("make");
  const std::string second = "\n10 bytes in 1 block, 25.0 %, malloc, in open (#1)\n" + frames_of("open");
  EXPECT_EQ(emit(emit_check_text), line + first + second);
  EXPECT_EQ(emit(emit_check_text, 1), line + first + "\n1 more stack by function not shown\n");
  EXPECT_EQ(emit(emit_check_text, 0), line);
}

TEST_F(EmitCheck, TextOfAComparisonSaysWhatBecameOfEach) {
  has_baseline();
  has_bad_free();
  EXPECT_EQ(emit(emit_check_text),
            "leak: 1 new stack by function, 1 stack by function that grew, +3 blocks and +30 bytes, 2 bad frees more "
            "against known.json; the first: make /home/you/app/src/my app.c:17\n"
            "\ngrown: +20 bytes, +2 blocks (10 in 1 -> 30 in 3), malloc, in make (#1)\n" +
                frames_of("make") + "\nnew: +10 bytes, +1 block, malloc, in open (#1)\n" + frames_of("open") +
                "\nnew: +2 bad frees: double free\n" + frames_of("drop"));
}

TEST_F(EmitCheck, TextOfNoLeakIsOneLine) {
  judged.now.stacks.clear();
  judged.allocations = judged.frees = 7;
  EXPECT_EQ(emit(emit_check_text), "no leak: nothing is live after 7 allocations and 7 frees: /home/you/app/app\n");
}

TEST_F(EmitCheck, GitHubHasOneCommandForEach) {
  warnings = {"100 % is\nmissing"};
  EXPECT_EQ(
      emit(emit_check_github, 1),
      "::error title=leakdir::leak: 4 live blocks, 40 bytes in 2 stacks by function; the largest: make "
      "/home/you/app/src/my app.c:17\n"
      "::error file=src/my app.c,line=17,title=leak in make::30 bytes in 3 blocks, 75.0 %25, malloc, in make (#1)%0A"
      "    #0 xmalloc /home/you/app/src/x.c:5 (inlined)%0A"
      "    #1 make /home/you/app/src/my app.c:17%0A"
      "    #2 /lib/libz.so.1+0x10\n"
      "::notice title=leakdir::1 more stack by function not shown\n"
      "::warning title=leakdir::100 %25 is\\x0amissing\n");
  judged.now.stacks.clear();
  warnings.clear();
  EXPECT_EQ(emit(emit_check_github),
            "::notice title=leakdir::no leak: nothing is live after 0 allocations and 0 frees: /home/you/app/app\n");
}

TEST_F(EmitCheck, GccHasErrorsAndNotesAsACompilerWritesThem) {
  has_bad_free();
  judged.now.stacks[1].place = "/home/you/app/src/x.c";
  EXPECT_EQ(emit(emit_check_gcc, 1),
            "leakdir: error: leak: 4 live blocks, 40 bytes in 2 stacks by function, 2 bad frees; the largest: make "
            "/home/you/app/src/my app.c:17\n"
            "src/my app.c:17: error: leak in make: 30 bytes in 3 blocks, 75.0 %, malloc, in make (#1)\n"
            "src/x.c:5: note: #0 xmalloc (inlined)\n"
            "src/my app.c:17: note: #1 make\n"
            "    #2 /lib/libz.so.1+0x10\n"
            "src/my app.c:17: error: bad free in drop: 2 bad frees: double free\n"
            "src/x.c:5: note: #0 xmalloc (inlined)\n"
            "src/my app.c:17: note: #1 drop\n"
            "    #2 /lib/libz.so.1+0x10\n"
            "leakdir: note: 1 more stack by function not shown\n");
  EXPECT_THAT(emit(emit_check_gcc), HasSubstr("in open: 10 bytes in 1 block, 25.0 %, malloc, in open (#1)\n"
                                              "    at /home/you/app/src/x.c\n"
                                              "src/x.c:5: note: #0 xmalloc (inlined)\n"));
  judged.now.stacks[0].frames.clear();
  EXPECT_THAT(emit(emit_check_gcc, 1), HasSubstr("\nleakdir: error: leak in xmalloc (app): 30 bytes in 3 blocks"));
  judged.now.stacks.clear();
  judged.now.bad_frees.clear();
  EXPECT_EQ(emit(emit_check_gcc),
            "leakdir: note: no leak: nothing is live after 0 allocations and 0 frees: /home/you/app/app\n");
}

// A name that is a command, or ends one.
TEST_F(EmitCheck, GitHubTakesNoNameForACommand) {
  has_bad_free();
  TallyStack& hostile = judged.now.stacks[0];
  hostile.frames[1].line.function = "a\n::add-mask::b,c:d";
  hostile.frames[1].line.file = "/home/you/app/x,y:z%.c\r\n::error::";
  judged.now.program = "/p\n::stop-commands::x";
  const std::string text = emit(emit_check_github);
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    EXPECT_EQ(text.compare(at, 8, "::error "), 0) << text.substr(at);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("\n::error file=x%2Cy%3Az%25.c\\x0d\\x0a%3A%3Aerror%3A%3A,line=17,title=leak in "
                              "a\\x0a%3A%3Aadd-mask%3A%3Ab%2Cc%3Ad::"));
  EXPECT_THAT(text,
              HasSubstr("\n::error file=src/my app.c,line=17,title=bad free in drop::2 bad frees: double free%0A"));
}

constexpr char kJunitHead[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<testsuites>\n"
    "  <testsuite package=\"leakdir\" id=\"0\" name=\"leakdir\" timestamp=\"2026-11-23T09:14:26\" "
    "hostname=\"localhost\" ";
constexpr char kJunitProperties[] =
    "    <properties>\n"
    "      <property name=\"program\" value=\"/home/you/app/app\"/>\n"
    "      <property name=\"state\" value=\"exited\"/>\n"
    "    </properties>\n";

TEST_F(EmitCheck, JunitOfNoLeakIsATestThatPassed) {
  judged.now.stacks.clear();
  notes = {"5 & 6"};
  EXPECT_EQ(emit(emit_check_junit),
            std::string(kJunitHead) + "tests=\"1\" failures=\"0\" errors=\"0\" time=\"0\">\n" + kJunitProperties +
                "    <testcase classname=\"app\" name=\"leaks\" time=\"0\"/>\n"
                "    <system-out>no leak: nothing is live after 0 allocations and 0 frees: /home/you/app/app\n"
                "</system-out>\n"
                "    <system-err>note: 5 &amp; 6\n"
                "</system-err>\n"
                "  </testsuite>\n"
                "</testsuites>\n");
  expect_good_junit();
}

TEST_F(EmitCheck, JunitHasATestThatFailedForEachStack) {
  has_baseline();
  has_bad_free();
  judged.before.stacks.clear();
  judged.now.stacks.resize(1);
  const std::string id = stack_id(stack("make", 3, 30)), drop = stack_id(judged.now.bad_frees[0]);
  EXPECT_EQ(emit(emit_check_junit),
            std::string(kJunitHead) +
                "tests=\"2\" failures=\"2\" errors=\"0\" time=\"0\">\n"
                "    <properties>\n"
                "      <property name=\"program\" value=\"/home/you/app/app\"/>\n"
                "      <property name=\"state\" value=\"exited\"/>\n"
                "      <property name=\"compared_with\" value=\"known.json\"/>\n"
                "    </properties>\n"
                "    <testcase classname=\"app\" name=\"make " +
                id +
                "\" time=\"0\">\n"
                "      <failure type=\"new leak\" message=\"new: +30 bytes, +3 blocks, malloc, in make (#1)\">"
                "new: +30 bytes, +3 blocks, malloc, in make (#1)\n" +
                frames_of("make") +
                "</failure>\n"
                "    </testcase>\n"
                "    <testcase classname=\"app\" name=\"drop " +
                drop +
                "\" time=\"0\">\n"
                "      <failure type=\"bad free\" message=\"new: +2 bad frees: double free\">"
                "new: +2 bad frees: double free\n" +
                frames_of("drop") +
                "</failure>\n"
                "    </testcase>\n"
                "    <system-out>leak: 1 new stack by function, +3 blocks and +30 bytes, 2 bad frees more against "
                "known.json; the first: make /home/you/app/src/my app.c:17\n"
                "</system-out>\n"
                "    <system-err></system-err>\n"
                "  </testsuite>\n"
                "</testsuites>\n");
  expect_good_junit();
}

TEST_F(EmitCheck, JunitOfWhatCannotBeTrustedIsAnError) {
  judged.now = {};
  doubt = "./mem: no such directory";
  const std::string xml = emit(emit_check_junit);
  EXPECT_THAT(xml, HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(xml, HasSubstr("    <testcase classname=\"leakdir\" name=\"leaks\" time=\"0\">\n"
                             "      <error type=\"no trustworthy data\" message=\"no trustworthy data: ./mem: no such "
                             "directory\"></error>\n"));
  expect_good_junit();
}

TEST_F(EmitCheck, JunitSaysWhatTopLeavesOut) {
  const auto xml = emit(emit_check_junit, 1);
  EXPECT_THAT(xml, HasSubstr("tests=\"2\" failures=\"2\""));
  EXPECT_THAT(xml, HasSubstr(">1 more stack by function not shown</failure>\n"));
}

Json location(const std::string& file, int line, const std::string& function) {
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", file}, {"uriBaseId", "SRCROOT"}}}, {"region", {{"startLine", line}}}}},
          {"logicalLocations", {{{"fullyQualifiedName", function}, {"kind", "function"}}}}};
}

TEST_F(EmitCheck, SarifLeadsToFileAndLine) {
  has_baseline();
  notes = {"a note"};
  const Json run = Json::parse(emit(emit_check_sarif)).at("runs").at(0);
  const Json frames = {
      {{"location", location("src/x.c", 5, "xmalloc")}, {"module", "/home/you/app/app"}},
      {{"location", location("src/my%20app.c", 17, "make")}, {"module", "/home/you/app/app"}},
      {{"location", {{"physicalLocation", {{"artifactLocation", {{"uri", "file:///lib/libz.so.1"}}}}}}},
       {"module", "/lib/libz.so.1"}}};
  const Json result = {
      {"ruleId", "leak"},
      {"ruleIndex", 0},
      {"level", "error"},
      {"message",
       {{"text", "leak that grew in make: grown: +20 bytes, +2 blocks (10 in 1 -> 30 in 3), malloc, in make (#1)"}}},
      {"locations", {location("src/my%20app.c", 17, "make")}},
      {"stacks", {{{"message", {{"text", "allocated here"}}}, {"frames", frames}}}},
      {"partialFingerprints", {{"leakdirStack/v1", stack_id(stack("make", 3, 30))}}},
      {"properties", {{"blocks", 3}, {"bytes", 30}, {"change", "grown"}}}};
  EXPECT_EQ(run.at("results").size(), 2u);
  EXPECT_EQ(run.at("results").at(0), result);
  EXPECT_EQ(run.at("originalUriBaseIds"), Json({{"SRCROOT", {{"uri", "file:///home/you/app/"}}}}));
  EXPECT_EQ(run.at("invocations"),
            Json({{{"executionSuccessful", true},
                   {"toolExecutionNotifications", {{{"level", "note"}, {"message", {{"text", "a note"}}}}}}}}));
  EXPECT_EQ(run.at("tool").at("driver").at("version"), "1.2.3");
  // A name that says no more than the id is against a rule of the format's own validator (SARIF1001).
  EXPECT_EQ(run.at("tool").at("driver").at("rules").at(0).at("name"), "BlockNotFreed");
  EXPECT_EQ(run.at("tool").at("driver").at("rules").at(1).at("name"), "BadFree");
  for (const auto& one : run.at("results"))
    EXPECT_EQ(run.at("tool").at("driver").at("rules").at(one.at("ruleIndex").get<std::size_t>()).at("id"),
              one.at("ruleId"));
  expect_good_sarif();
}

TEST_F(EmitCheck, SarifOfWhatCannotBeTrustedSaysThatItFailed) {
  judged.now = {};
  doubt = "no such directory";
  const Json run = Json::parse(emit(emit_check_sarif)).at("runs").at(0);
  EXPECT_EQ(run.at("results"), Json::array());
  EXPECT_EQ(run.at("invocations").at(0).at("executionSuccessful"), false);
  EXPECT_EQ(run.at("invocations").at(0).at("toolExecutionNotifications"),
            Json({{{"level", "error"}, {"message", {{"text", "no trustworthy data: no such directory"}}}}}));
  expect_good_sarif();
}

// What lies elsewhere is named whole; what has a name relative to nobody knows what keeps it; no line is no region.
TEST_F(EmitCheck, SarifNamesWhatLiesElsewhere) {
  auto& line = judged.now.stacks[0].frames[1].line;
  const auto artifact = [&] {
    return Json::parse(emit(emit_check_sarif))
        .at("runs")
        .at(0)
        .at("results")
        .at(0)
        .at("locations")
        .at(0)
        .at("physicalLocation");
  };
  line.file = "/home/you/app2/a.c";
  EXPECT_EQ(artifact(),
            Json({{"artifactLocation", {{"uri", "file:///home/you/app2/a.c"}}}, {"region", {{"startLine", 17}}}}));
  line.file = "/home/you/app/build/../a.c";
  EXPECT_EQ(artifact().at("artifactLocation"), Json({{"uri", "a.c"}, {"uriBaseId", "SRCROOT"}}));
  line.file = "./csu/libc-start.c";
  line.line = 0;
  EXPECT_EQ(artifact(), Json({{"artifactLocation", {{"uri", "csu/libc-start.c"}}}}));
  judged.now.stacks[0].frames.clear();
  EXPECT_EQ(artifact(), Json({{"artifactLocation", {{"uri", "file:///home/you/app/app"}}}}));
  expect_good_sarif();
}

TEST_F(EmitCheck, SarifHasBadFreesAndSaysWhatTopLeavesOut) {
  has_bad_free();
  const Json all = Json::parse(emit(emit_check_sarif)).at("runs").at(0).at("results");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].at("ruleId"), "bad-free");
  EXPECT_EQ(all[2].at("stacks").at(0).at("message").at("text"), "freed here");
  expect_good_sarif();
  const Json run = Json::parse(emit(emit_check_sarif, 1)).at("runs").at(0);
  EXPECT_EQ(run.at("results").size(), 2u);
  EXPECT_EQ(run.at("invocations").at(0).at("toolExecutionNotifications").at(0).at("message").at("text"),
            "1 more stack by function not shown");
}

TEST_F(EmitCheck, JsonHasAllOfIt) {
  has_baseline();
  has_bad_free();
  warnings = {"w"};
  notes = {"n"};
  const Json json = Json::parse(emit(emit_check_json));
  const Json frames = {{{"module", "/home/you/app/app"},
                        {"offset", "0x9f6"},
                        {"function", "xmalloc"},
                        {"file", "/home/you/app/src/x.c"},
                        {"line", 5},
                        {"inlined", true}},
                       {{"module", "/home/you/app/app"},
                        {"offset", "0x9f6"},
                        {"function", "make"},
                        {"file", "/home/you/app/src/my app.c"},
                        {"line", 17},
                        {"inlined", false}},
                       {{"module", "/lib/libz.so.1"},
                        {"offset", "0x10"},
                        {"function", ""},
                        {"file", ""},
                        {"line", 0},
                        {"inlined", false}}};
  EXPECT_EQ(json.at("stacks").size(), 2u);
  EXPECT_EQ(json.at("stacks").at(0), Json({{"change", "grown"},
                                           {"id", "526460462553a9be"},
                                           {"call", "malloc"},
                                           {"blocks", {{"old", 1}, {"new", 3}}},
                                           {"bytes", {{"old", 10}, {"new", 30}}},
                                           {"identity", {"xmalloc (app)", "make (app)", "?? (libz.so.1)"}},
                                           {"frames", frames},
                                           {"own_frame", 1}}));
  Json rest = json;
  for (const char* key : {"stacks", "bad_frees"}) rest.erase(key);
  EXPECT_EQ(rest,
            Json({{"version", 1},
                  {"verdict", "leak"},
                  {"text",
                   "leak: 1 new stack by function, 1 stack by function that grew, +3 blocks and +30 bytes, 2 bad frees "
                   "more against known.json; the first: make /home/you/app/src/my app.c:17"},
                  {"program", "/home/you/app/app"},
                  {"state", "exited"},
                  {"totals", {{"blocks", 4}, {"bytes", 40}, {"stacks_by_function", 2}, {"bad_frees", 2}}},
                  {"compared_with", "known.json"},
                  {"totals_before", {{"blocks", 1}, {"bytes", 10}, {"stacks_by_function", 1}, {"bad_frees", 0}}},
                  {"stacks_not_shown", 0},
                  {"bad_frees_not_shown", 0},
                  {"notes", {"n"}},
                  {"warnings", {"w"}}}));
  EXPECT_EQ(json.at("bad_frees").at(0).at("kind"), "double free");
  EXPECT_EQ(Json::parse(emit(emit_check_json, 1)).at("stacks_not_shown"), 1);
}

// Every byte, in each name that there is.
TEST_F(EmitCheck, NamesMayBeAnyBytes) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\xef\xbf\xbe\xef\xbf\xbf\xe2\x80\xae]]>";
  has_baseline();
  for (auto* stacks : {&judged.now.stacks, &judged.now.bad_frees}) {
    *stacks = {stack(all, 1, 1)};
    for (auto& frame : stacks->front().frames) frame.module = frame.line.file = "/home/you/app/" + all;
    stacks->front().call = all;
  }
  judged.now.program = judged.before.origin = all;
  notes = warnings = {all};
  expect_good_junit();
  expect_good_sarif();
  EXPECT_THAT(emit(emit_check_junit), HasSubstr("%&amp;'()*+,-./0123456789:;&lt;=&gt;?@"));
  const Json json = Json::parse(emit(emit_check_json));
  EXPECT_EQ(bytes_of_utf8(json.at("program").get<std::string>()), all);
  for (const Emit one : {emit_check_text, emit_check_github, emit_check_junit})
    for (char c : emit(one)) ASSERT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
}

TEST(XmlText, EscapesWhatMeansSomethingAndSpellsOutWhatCannotBe) {
  EXPECT_EQ(xml_text("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;'");
  EXPECT_EQ(xml_text("\x01\t\r\x7f"), "\\x01\\x09\\x0d\\x7f");
  EXPECT_EQ(xml_text("one\ntwo\n"), "one&#10;two&#10;");
  EXPECT_EQ(xml_text("caf\xc3\xa9 \xe9"), "caf\xc3\xa9 \\xe9");
  EXPECT_EQ(xml_text("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd"), "\\ufffe\\uffff\xef\xbf\xbd");
  EXPECT_EQ(xml_text(""), "");
}

TEST(UriOf, EncodesAllThatIsNotPlain) {
  EXPECT_EQ(uri_of("/home/you/a b.c"), "file:///home/you/a%20b.c");
  EXPECT_EQ(uri_of("src/x:y%.c"), "src/x%3Ay%25.c");
  EXPECT_EQ(uri_of("\xff\n?#"), "%FF%0A%3F%23");
}

}  // namespace
}  // namespace leakdir::tool
