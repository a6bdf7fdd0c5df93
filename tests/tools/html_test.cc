// SPDX-License-Identifier: BSL-1.0
//
// The page of `report --format html`, as a browser shows it and as a reader uses it.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "analyse/parts.hh"
#include "browser.hh"
#include "emit/emit_diff.hh"
#include "emit_fixture.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::Browser;
using leakdir_test::read_file;
using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// One browser for all: it takes longer to start than a test takes.
Browser& browser() {
  static Browser the_browser;
  return the_browser;
}

class Html : public EmitFixture {
 protected:
  void SetUp() override {
    if (!Browser::is_installed()) GTEST_SKIP() << Browser::kWhyNot;
  }

  // main -> build -> make_buffer: 60 bytes in 2 blocks; main -> list: 20 bytes in 3 blocks.
  void an_app() {
    symbols.lines[0x2fff] = {{"list", "/home/you/list.c", 7, false}};
    const auto buffers = ledger.stack({0x4009f7, 0x401b2a}), list = ledger.stack({0x403000, 0x401b2a});
    ledger.block({0x1000, 20, buffers, ledger::Call::kMalloc, 0, 88'000'000'000});
    ledger.block({0x1100, 40, buffers, ledger::Call::kMalloc, 0, 90'000'000'000});
    for (unsigned i = 0; i < 3; ++i) ledger.block({0x2000 + 16 * i, i < 2 ? 7u : 6u, list, ledger::Call::kNew});
  }

  void open(std::size_t top = ~std::size_t{0}, int width = 1400) {
    write_file(directory / "report.html", emit(emit_html, top));
    browser().open(directory / "report.html", width);
  }

  std::string text_of(const std::string& selector) {
    return browser().evaluate("document.querySelector(" + nlohmann::json(selector).dump() + ").textContent");
  }
  // The names in what a selector finds, in its order.
  nlohmann::json texts_of(const std::string& selector) {
    return browser().evaluate("[...document.querySelectorAll(" + nlohmann::json(selector).dump() +
                              ")].map((found) => found.textContent)");
  }
  // The share of the graph's width that a frame has, in percent; 0: it is not there.
  int width_of(const std::string& name) {
    return browser().evaluate(
        "(() => { const all = document.querySelector('#graph svg').clientWidth;"
        " const frame = [...document.querySelectorAll('#graph g')].find((g) =>"
        " g.getAttribute('name') === " +
        nlohmann::json(name).dump() +
        ");"
        " return frame ? Math.round(100 * frame.querySelector('rect').width.baseVal.value / all) : 0; })()");
  }
  bool has_width(const std::string& name, int percent) {
    for (int i = 0; i < 1000; ++i) {
      if (width_of(name) == percent) return true;
      usleep(10000);
    }
    ADD_FAILURE() << name << " is " << width_of(name) << " % wide";
    return false;
  }
  // Clicks the frame of that name.
  void click_frame(const std::string& name) {
    browser().click("#graph g[name=" + nlohmann::json(name).dump() + "] rect");
  }

  void expect_no_trouble() {
    EXPECT_THAT(browser().errors(), IsEmpty());
    EXPECT_THAT(browser().requests(), Each(StartsWith("file://" + directory / "report.html")));
  }

  Scratch directory;
};

TEST_F(Html, ShowsTotalsTableGraphAndTheLargestStack) {
  an_app();
  one_bad_free();
  open();
  EXPECT_EQ(text_of("#program"), "app");
  EXPECT_EQ(text_of("#process"), "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z");
  EXPECT_EQ(browser().evaluate("document.title"), "app \xe2\x80\x93 leakdir");
  EXPECT_THAT(
      texts_of("#totals > div"),
      ElementsAre("80 Blive", "5blocks", "2stacks", "leakdir looked: it saw 17 allocations and 14 frees", "1bad free"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("60 B", "20 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(2)"), ElementsAre("75.0 %", "25.0 %"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(3)"), ElementsAre("2", "3"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(4)"), ElementsAre("12.0 s", "1 min 40 s"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(5)"), ElementsAre("make_bufferapp.c:69", "listlist.c:7"));
  EXPECT_TRUE(has_width("main", 100));
  EXPECT_TRUE(has_width("make_buffer", 75));
  EXPECT_TRUE(has_width("list", 25));
  EXPECT_EQ(text_of("#stack-facts"), "60 bytes in 2 blocks, 75.0 %, malloc, oldest 12.0 s");
  EXPECT_THAT(texts_of("#frames li"), ElementsAre("#0make_bufferinlined/home/you/app.c:69", "#1build/home/you/app.c:80",
                                                  "#2main/home/you/app.c:101"));
  EXPECT_THAT(texts_of("#bad-frees summary"),
              ElementsAre(HasSubstr("double free at 0x733300, block 0x733300 of 30 bytes")));
  EXPECT_THAT(texts_of("#bad-frees h3"),
              ElementsAre("freed here", "freed before here (the caller is all that is kept of a free)"));
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#ages circle').length"), 3) << "by age and size";
  expect_no_trouble();
}

TEST_F(Html, OfASampleShowsEstimatesAndSaysSo) {
  a_sample();
  open();
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(3)"), ElementsAre("3", "103"));
  EXPECT_THAT(text_of("#stack-facts"), HasSubstr("in the sample: 2 blocks, 5118 bytes"));
  EXPECT_THAT(text_of("body"), HasSubstr("this is a sample, one block in 1024 allocated bytes"));
  EXPECT_THAT(text_of("body"), HasSubstr("in the sample: 3 blocks, 5127 bytes; figures for all blocks are estimates"));
  expect_no_trouble();
}

TEST_F(Html, TheTableNamesWhoCalledAWrapper) {
  symbols.lines[0x4ff] = {{"xmalloc", "/src/memory.c", 1, false}};
  symbols.lines[0x5ff] = {{"open_client", "/src/client.c", 2, false}};
  ledger.block({0x1000, 30, ledger.stack({0x400500, 0x400600})});
  ledger.block(
      {0x2000, 20, ledger.node(ledger.text("/src/hooked.c"), ledger::kPlaceModule, ledger.stack({0x400600}), 12)});
  ledger.block({0x3000, 10, ledger.node(ledger.text("/src/only.c"), ledger::kPlaceModule, 0, 7)});
  ledger.block({0x4000, 5, 0});
  open();
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(5)"),
              ElementsAre("open_clientclient.c:2", "open_clientclient.c:2", "/src/only.c:7", "[no stack]"));
  EXPECT_EQ(text_of("#stack-title"), "open_client");
  expect_no_trouble();
}

TEST_F(Html, KindsAreAFilterAndAColour) {
  four_kinds();
  open();
  EXPECT_THAT(texts_of("#totals > div:nth-child(2)"), ElementsAre("6blocks")) << "all that is live";
  EXPECT_THAT(texts_of("#kinds button"),
              ElementsAre("definitely lost41 B", "indirectly lost7 B", "possibly lost30 B", "still reachable1.3 KiB"));
  const std::string pressed = "#kinds button[aria-pressed=true] span";
  EXPECT_THAT(texts_of(pressed), ElementsAre("definitely lost", "indirectly lost", "possibly lost"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("41 B", "30 B", "7 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(2)"), ElementsAre("52.6 %", "38.5 %", "9.0 %"));
  EXPECT_EQ(text_of("#stack-facts"), "41 bytes in 2 blocks, 52.6 %, malloc, oldest 1 min 40 s, definitely lost");
  EXPECT_TRUE(has_width("[definitely lost]", 53));
  EXPECT_EQ(width_of("[still reachable]"), 0);
  EXPECT_EQ(browser().evaluate("new Set([...document.querySelectorAll('#stacks .dot')].map((dot) => "
                               "getComputedStyle(dot).backgroundColor)).size"),
            3);
  EXPECT_EQ(browser().evaluate("document.querySelector('#stacks .dot').getAttribute('aria-label')"), "definitely lost");

  browser().click("#kinds button[data-kind='4']");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("1000 B", "300 B", "41 B", "30 B", "7 B"));
  EXPECT_TRUE(has_width("[still reachable]", 94));
  for (const char* kind : {"1", "2", "3"}) browser().click(std::string("#kinds button[data-kind='") + kind + "']");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("1000 B", "300 B"));
  EXPECT_TRUE(has_width("[still reachable]", 100));
  browser().click("#kinds button[data-kind='4']");
  EXPECT_THAT(texts_of("#stacks tr"), ElementsAre("No stack has that."));
  expect_no_trouble();
}

TEST_F(Html, WhereNothingIsLostAllKindsAreShown) {
  ledger.block_of_kind(ledger::Reach::kReachable, {0x1000, 10, ledger.stack({0x401b2a})});
  ledger.block({0x2000, 20, ledger.stack({0x401b2a})});
  open(1);
  EXPECT_THAT(texts_of("#kinds button[aria-pressed=true]"),
              ElementsAre("definitely lost0 B", "still reachable10 B", "not known20 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("10 B"));
  EXPECT_TRUE(has_width("[not shown]", 67));
  browser().click("#kinds button[data-kind='0']");
  EXPECT_TRUE(has_width("[still reachable]", 100));
  expect_no_trouble();
}

TEST_F(Html, WhereNobodyLookedThereIsNoFilter) {
  an_app();
  open();
  EXPECT_EQ(browser().evaluate("document.getElementById('kinds').hidden"), true);
  EXPECT_THAT(texts_of("#remarks li"), testing::Contains(StartsWith("which blocks are lost is not known: nobody")));
}

TEST_F(Html, TheToggleMakesSizesBlocks) {
  an_app();
  open();
  browser().click("#by-blocks");
  EXPECT_TRUE(has_width("list", 60));
  EXPECT_TRUE(has_width("make_buffer", 40));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(2)"), ElementsAre("60.0 %", "40.0 %"));
  browser().click("#by-bytes");
  EXPECT_TRUE(has_width("list", 25));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(2)"), ElementsAre("75.0 %", "25.0 %"));
  expect_no_trouble();
}

TEST_F(Html, InvertedTheGraphBeginsWithWhoAllocated) {
  an_app();
  open();
  EXPECT_TRUE(has_width("main", 100));
  browser().click("#by-allocation");
  EXPECT_THAT(texts_of("[aria-pressed=true]"), ElementsAre("Bytes", "From malloc", "Stacks"));
  EXPECT_TRUE(has_width("make_buffer", 75));
  EXPECT_TRUE(has_width("build", 75)) << "who called it";
  EXPECT_TRUE(has_width("list", 25));
  EXPECT_THAT(text_of("#hover"), HasSubstr("its callers"));
  click_frame("list");
  EXPECT_TRUE(has_width("list", 100));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("20 B"));
  EXPECT_EQ(text_of("#filter"), "through list  \u00d7");
  browser().click("#by-caller");
  EXPECT_TRUE(has_width("main", 100));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("60 B", "20 B"));
  expect_no_trouble();
}

TEST_F(Html, InvertedWrappersAreLeftOut) {
  symbols.lines[0x4ff] = {{"xmalloc", "/src/memory.c", 1, false}};
  symbols.lines[0x5ff] = {{"open_client", "/src/client.c", 2, false}};
  ledger.block({0x1000, 30, ledger.stack({0x400500, 0x400600})});
  ledger.block({0x2000, 10, 0});
  open();
  browser().click("#by-allocation");
  EXPECT_TRUE(has_width("open_client", 75));
  EXPECT_TRUE(has_width("[no stack]", 25));
  EXPECT_EQ(width_of("xmalloc"), 0);
  expect_no_trouble();
}

TEST_F(Html, AClickOnAFrameZoomsAndLeadsToItsStacks) {
  an_app();
  open();
  ASSERT_TRUE(has_width("list", 25));
  click_frame("list");
  EXPECT_TRUE(has_width("list", 100));
  EXPECT_EQ(width_of("build"), 0);
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("20 B"));
  EXPECT_EQ(text_of("#table-title"), "1 of 2 stacks, 25.0 %");
  EXPECT_EQ(text_of("#filter"), "through list  \xc3\x97");
  EXPECT_THAT(texts_of("#frames li"), ElementsAre("#0list/home/you/list.c:7", "#1main/home/you/app.c:101"));
  EXPECT_EQ(text_of("#stack-facts"), "20 bytes in 3 blocks, 25.0 %, operator new, oldest 1 min 40 s");
  browser().press("Escape");
  EXPECT_TRUE(has_width("list", 25));
  EXPECT_EQ(text_of("#table-title"), "2 stacks");
  expect_no_trouble();
}

TEST_F(Html, AClickOnARowShowsItsStackInTheGraph) {
  an_app();
  open();
  browser().click("#stacks tr:nth-child(2)");
  EXPECT_THAT(texts_of("#frames li"), ElementsAre("#0list/home/you/list.c:7", "#1main/home/you/app.c:101"));
  EXPECT_TRUE(has_width("list", 100));
  EXPECT_THAT(texts_of("#stacks tr[aria-selected=true] td:nth-child(1)"), ElementsAre("20 B"));
  EXPECT_EQ(text_of("#table-title"), "2 stacks") << "the others stay in the table";
  browser().click("#reset");
  EXPECT_TRUE(has_width("list", 25));
  expect_no_trouble();
}

TEST_F(Html, WhatIsNamedFirstLeadsToItsRow) {
  symbols.lines[0x2fff] = {{"list", "/home/you/list.c", 7, false}};
  const auto buffers = ledger.stack({0x4009f7, 0x401b2a}), list = ledger.stack({0x403000, 0x401b2a});
  ledger.block_of_kind(ledger::Reach::kDefinite, {0x1000, 4000, buffers});
  for (unsigned i = 0; i < 50; ++i)
    ledger.block_of_kind(ledger::Reach::kReachable,
                         {0x2000 + 16 * i, 7, list, ledger::Call::kMalloc, 0, 2'000'000'000ull * i});
  const std::string page = emit([&](const Report& plain, const Sink& sink) {
    Report report = plain;
    report.stayers = stayers_of(report.snapshot, report.grouped, report.lines, report.wrappers).stayers;
    emit_html(report, sink);
  });
  write_file(directory / "report.html", page);
  browser().open(directory / "report.html");
  EXPECT_THAT(texts_of("#remarks a"),
              ElementsAre("allocated all through the run and still live: list /home/you/list.c:7, 350 bytes in 50 "
                          "blocks"));
  EXPECT_EQ(text_of("#stack-title"), "make_buffer");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("3.9 KiB")) << "what is held is not shown at first";
  browser().click("#search");
  browser().type("make_buffer");
  browser().click("#by-function");
  browser().click("#remarks a");
  EXPECT_EQ(text_of("#stack-title"), "list");
  EXPECT_EQ(browser().evaluate("document.querySelector('tr[aria-selected=true] .own').textContent"), "list");
  EXPECT_EQ(browser().evaluate("document.activeElement.getAttribute('aria-selected')"), "true");
  EXPECT_EQ(browser().evaluate("document.querySelector('#search').value"), "");
  EXPECT_TRUE(has_width("list", 100));
  expect_no_trouble();
}

TEST_F(Html, SearchFindsFunctionsAndFiles) {
  an_app();
  open();
  for (const char* term : {"LIST", "list.c"}) {
    browser().press("/");
    browser().evaluate("document.activeElement.value = ''");
    browser().type(term);
    EXPECT_TRUE(browser().becomes_true("document.querySelectorAll('#stacks tr').length === 1")) << term;
    EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("20 B"));
    EXPECT_EQ(text_of("#table-title"), "1 of 2 stacks, 25.0 %");
    EXPECT_EQ(browser().evaluate("[...document.querySelectorAll('#graph g')].filter((g) =>"
                                 " g.querySelector('rect').getAttribute('fill') === '#c084fc').map((g) =>"
                                 " g.getAttribute('name')).join()"),
              "list");
    browser().press("Escape");
    EXPECT_TRUE(browser().becomes_true("document.querySelectorAll('#stacks tr').length === 2"));
  }
  browser().press("/");
  browser().type("nowhere");
  EXPECT_TRUE(browser().becomes_true("document.querySelector('#stacks').textContent === 'No stack has that.'"));
  expect_no_trouble();
}

TEST_F(Html, ColumnsSort) {
  an_app();
  open();
  browser().click("#columns th:nth-child(4) button");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(4)"), ElementsAre("1 min 40 s", "12.0 s"));
  browser().click("#columns th:nth-child(1) button");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(4)"), ElementsAre("12.0 s", "1 min 40 s"));
}

TEST_F(Html, OfNothingSaysSo) {
  open();
  EXPECT_THAT(text_of("#graph"), HasSubstr("No live blocks."));
  EXPECT_THAT(text_of("#stacks"), HasSubstr("No live blocks."));
  EXPECT_THAT(texts_of("#totals > div"), ElementsAre("0 Blive", "0blocks", "0stacks", HasSubstr("17 allocations")));
  browser().click("#by-blocks");
  expect_no_trouble();
}

TEST_F(Html, BlocksOfNoBytesAndWithoutStackAreShown) {
  ledger.block({0x1000, 0, 0});
  open();
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(5)"), ElementsAre("[no stack]"));
  browser().click("#by-blocks");
  EXPECT_TRUE(has_width("[no stack]", 100));
  expect_no_trouble();
}

TEST_F(Html, WhatIsNotShownAddsUp) {
  an_app();
  open(1);
  EXPECT_TRUE(has_width("[not shown]", 25));
  EXPECT_TRUE(has_width("main", 75));
  EXPECT_THAT(texts_of("#totals > div"), testing::Contains("2stacks"));
}

TEST_F(Html, NoNameIsEverHtmlOrAScript) {
  const std::string evils[] = {
      "</script><script>window.owned = 1</script>",
      "<img src=x onerror='window.owned = 2'>",
      "<!--<script>",
      "\"};window.owned = 3;//",
      "@REPORT@ @SCRIPT@ \\u003c &lt; \xe2\x80\xa8",
      "<svg onload=window.owned=4>",
      "__proto__",
  };
  std::uint64_t offset = 0x5000;
  for (const auto& evil : evils) {
    symbols.lines[offset - 1] = {{evil, evil, 1, false}};
    ledger.block({0x1000 + offset, 16, ledger.stack({0x400000 + offset})});
    offset += 0x100;
  }
  ledger.header.program = ledger.text(std::string("/tmp/") + evils[0]);
  ledger.modules[1].path = ledger.text(std::string("/tmp/") + evils[1]);
  ledger.block({0x9000, 16, ledger.node(0x409999, 1, 0)});
  ledger.block({0x9100, 16, ledger.node(ledger.text(evils[1]), ledger::kPlaceModule, 0, 5)});
  std::memcpy(ledger.threads[1].name, "<b onclick=x>", 14);
  one_bad_free();
  open();
  for (int row = 1; row <= 9; ++row) {
    browser().click("#stacks tr:nth-child(" + std::to_string(row) + ")");
    EXPECT_EQ(browser().evaluate("document.querySelectorAll('#frames li').length"), 1);
  }
  browser().press("/");
  browser().type("<img src");
  EXPECT_TRUE(browser().becomes_true("document.querySelectorAll('#stacks tr').length === 3"));
  EXPECT_EQ(browser().evaluate("typeof window.owned"), "undefined");
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('img, svg[onload], b[onclick]').length"), 0);
  EXPECT_EQ(browser().evaluate("document.scripts.length"), 4);
  EXPECT_EQ(text_of("#process").substr(0, 47), "/tmp/</script><script>window.owned = 1</script>");
  expect_no_trouble();

  const std::string page = read_file(directory / "report.html");
  const std::size_t report = page.find("<script id=\"report\"");
  EXPECT_EQ(page.find('<', report + 1), page.find("</script>", report)) << "the first '<' in the report is its end";
}

TEST_F(Html, AScriptThatIsNotThePagesOwnDoesNotRun) {
  an_app();
  std::string page = emit(emit_html);
  page.insert(page.find("</body>"), "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'>");
  write_file(directory / "report.html", page);
  browser().open(directory / "report.html");
  EXPECT_EQ(browser().evaluate("typeof window.owned"), "undefined");
  EXPECT_THAT(browser().errors(), Not(IsEmpty())) << "the page's policy has something to say";
}

TEST_F(Html, AMillionBlocksInTenThousandStacksAreAPageThatOpens) {
  std::vector<std::uint32_t> outer;
  for (std::uint64_t i = 0; i < 100; ++i) {
    std::vector<std::uint64_t> frames;
    for (std::uint64_t k = 0; k < 30; ++k) frames.push_back(0x410000 + 0x100 * (i * k % 977));
    outer.push_back(ledger.stack(frames));
  }
  std::vector<std::uint32_t> stacks;
  for (std::uint64_t i = 0; i < 12000; ++i) stacks.push_back(ledger.node(0x480000 + i, 1, outer[i % 100]));
  for (std::uint64_t i = 0; i < 1'000'000; ++i)
    ledger.block({0x10000000 + 64 * i, 1 + i % 12000, stacks[i % 12000], ledger::Call::kMalloc, 0, i * 90'000});
  open();
  const std::size_t bytes = std::filesystem::file_size(directory / "report.html");
  EXPECT_LT(bytes, 4'000'000u);
  EXPECT_THAT(texts_of("#totals b"), ElementsAre(HasSubstr("GiB"), "1,000,000", "12,000"));
  EXPECT_TRUE(browser().becomes_true("document.querySelectorAll('#graph g').length > 20"));
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#stacks tr').length"), 200);
  EXPECT_EQ(text_of("#more"), "Show 200 more of 9,800 stacks");
  browser().click("#more");
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#stacks tr').length"), 400);
  browser().click("#stacks tr:nth-child(3)");
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#frames li').length"), 31);
  expect_no_trouble();
}

#ifdef LONG_TESTS
TEST_F(Html, AHundredThousandStacksAreAPageThatOpensAtOnce) {
  std::vector<std::uint32_t> outer;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    std::vector<std::uint64_t> frames;
    for (std::uint64_t k = 0; k < 30; ++k) frames.push_back(0x410000 + 0x10 * (i * k % 9973));
    outer.push_back(ledger.stack(frames));
  }
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const std::string name = "function_" + std::to_string(i / 10);
    symbols.lines[0x80000 + i - 1] = {{name, "/home/you/src/file_" + std::to_string(i / 100) + ".cc", 7, false}};
    const auto stack = ledger.node(0x480000 + i, 1, outer[i % 1000]);
    ledger.block({0x10000000 + 64 * i, 1 + i, stack, ledger::Call::kMalloc, 0, i * 900'000});
  }
  open();
  EXPECT_LT(std::filesystem::file_size(directory / "report.html"), 10'000'000u);
  EXPECT_THAT(texts_of("#totals b"), ElementsAre(HasSubstr("GiB"), "100,000", "100,000"));
  EXPECT_TRUE(browser().becomes_true("performance.getEntriesByName('first-contentful-paint').length === 1"));
  EXPECT_LT(browser().evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"), 2000);
  browser().click("#by-function");
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#stacks tr').length"), 200);
  expect_no_trouble();
}
#endif

// ---- Rows that are functions, and sources -----------------------------------------------------------------------

// The same that `report --group-by function` adds up.
TEST_F(Html, RowsMayBeFunctions) {
  an_app();
  symbols.lines[0x4ff] = {{"xmalloc", "/src/memory.c", 1, false}};
  const auto library = ledger.module("/opt/libgrow.so", 0x7f0000000000);
  ledger.block({0x5000, 9, ledger.stack({0x400500, 0x403000, 0x401b2a})});
  ledger.block({0x5100, 500, ledger.node(0x7f0000000100, library, 0)});
  ledger.block({0x5200, 4, 0});
  open();
  browser().click("#by-function");
  const Snapshot snapshot = load_built(ledger);
  Grouped grouped = group(snapshot, {});
  const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), symbols);
  const Parts parts = parts_of(By::kFunction, snapshot, lines, Wrappers(), grouped);
  nlohmann::json names = nlohmann::json::array(), bytes = names;
  for (const auto& part : parts.parts) {
    names.push_back(part.name);
    bytes.push_back(std::to_string(part.bytes) + " B");
  }
  ASSERT_EQ(names, nlohmann::json({"libgrow.so+0x100", "make_buffer", "list", "[no stack]"}));
  EXPECT_EQ(texts_of("#stacks td .own"), names);
  EXPECT_EQ(texts_of("#stacks tr td:nth-child(1)"), bytes);
  EXPECT_THAT(texts_of("#stacks td .at"), ElementsAre(HasSubstr("libgrow.so"), "app.c:69", "2 stacks", ""));
  EXPECT_EQ(text_of("#table-title"), "4 functions");

  browser().click("#stacks tr:nth-child(3)");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("20 B", "9 B")) << "its stacks";
  EXPECT_EQ(text_of("#stack-title"), "list");
  EXPECT_EQ(text_of("#filter"), "of list  \xc3\x97");
  browser().click("#filter");
  EXPECT_EQ(text_of("#table-title"), "4 functions");
  browser().click("#by-stack");
  EXPECT_EQ(text_of("#table-title"), "5 stacks");
  expect_no_trouble();
}

TEST_F(Html, OfAFunctionAllKindsAreShown) {
  four_kinds();
  open();
  browser().click("#by-function");
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("41 B", "37 B"));
  EXPECT_EQ(browser().evaluate("[...document.querySelectorAll('#stacks tr:nth-child(2) .dot')].map((dot) => "
                               "dot.getAttribute('aria-label')).join()"),
            "indirectly lost,possibly lost");
  expect_no_trouble();
}

TEST_F(Html, FramesHaveTheLinesOfTheirSources) {
  an_app();
  const SourceTexts sources = {{{"/home/you/app.c", 69}, "char* buffer = malloc(n); // </script><b>\x1b"},
                               {{"/home/you/app.c", 101}, "build();"}};
  const std::string page = emit([&](const Report& plain, const Sink& sink) {
    Report report = plain;
    report.sources = &sources;
    emit_html(report, sink);
  });
  write_file(directory / "report.html", page);
  browser().open(directory / "report.html");
  EXPECT_THAT(texts_of("#frames li .source"),
              ElementsAre("char* buffer = malloc(n); // </script><b>\\x1b", "build();"));
  EXPECT_THAT(texts_of("#frames li:nth-child(2)"), ElementsAre("#1build/home/you/app.c:80"));
  expect_no_trouble();
}

// ---- The page of two runs ----------------------------------------------------------------------------------------

class DiffHtml : public Html {
 protected:
  // main -> `function`; the identity is in order of the names, as compare() wants it.
  static TallyStack stack(const std::string& function, std::uint64_t blocks, std::uint64_t bytes) {
    TallyStack made;
    made.call = "malloc";
    made.identity = {function + " (app)", "main (app)"};
    made.blocks = blocks;
    made.bytes = bytes;
    made.frames = {{{function, "/src/app.c", 5, false}, "/home/you/app", "0x9f6"},
                   {{"main", "/src/app.c", 50, false}, "/home/you/app", "0x1b29"}};
    made.own = 0;
    return made;
  }

  void open_diff() {
    before.origin = "mem-1";
    after.origin = "mem-2";
    before.program = after.program = "/home/you/app";
    std::string page;
    emit_diff_html({before, after, compare(before.stacks, after.stacks), {}, false, top},
                   [&](std::string_view piece) { page += piece; });
    write_file(directory / "report.html", page);
    browser().open(directory / "report.html");
  }

  // The hue of a frame, in degrees: 6 is red, 215 is blue.
  std::string colour_of(const std::string& name) {
    return browser().evaluate("document.querySelector('#graph g[name=" + nlohmann::json(name).dump() +
                              "] rect').getAttribute('fill')");
  }

  Tally before, after;
  std::size_t top = 0;
};

TEST_F(DiffHtml, ShowsWhatGrewInRedAndWhatShrankInBlue) {
  before.stacks = {stack("gone", 1, 10), stack("grown", 1, 10), stack("same", 5, 50), stack("shrunk", 5, 50)};
  after.stacks = {stack("grown", 3, 30), stack("more", 1, 100), stack("same", 5, 50), stack("shrunk", 4, 30)};
  open_diff();
  EXPECT_EQ(text_of("#process"),
            "old: mem-1, 120 bytes in 12 blocks, 4 stacks by function; new: mem-2, 210 bytes in 13 blocks, 4 stacks by "
            "function");
  EXPECT_THAT(texts_of("#totals > div"), ElementsAre("+90 Blive", "+1blocks"));
  EXPECT_THAT(texts_of("#kinds button"), ElementsAre("new+100 B", "grown+20 B",
                                                     "shrunk\xe2\x88\x92"
                                                     "20 B",
                                                     "gone\xe2\x88\x92"
                                                     "10 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("+100 B", "+20 B",
                                                                  "\xe2\x88\x92"
                                                                  "20 B",
                                                                  "\xe2\x88\x92"
                                                                  "10 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(3)"), ElementsAre("+1", "+2",
                                                                  "\xe2\x88\x92"
                                                                  "1",
                                                                  "\xe2\x88\x92"
                                                                  "1"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(4)"), ElementsAre("0 B", "10 B", "50 B", "10 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(5)"),
              ElementsAre("moreapp.c:5", "grownapp.c:5", "shrunkapp.c:5", "goneapp.c:5"));
  EXPECT_EQ(text_of("#remarks"), "as before: 1 stack by function");
  EXPECT_EQ(browser().evaluate("document.getElementById('ages-panel').hidden"), true);
  EXPECT_TRUE(has_width("more", 67) && has_width("grown", 13) && has_width("shrunk", 13) && has_width("gone", 7));
  EXPECT_EQ(width_of("same"), 0);
  EXPECT_THAT(colour_of("more"), StartsWith("hsl(6 "));
  EXPECT_THAT(colour_of("grown"), StartsWith("hsl(6 "));
  EXPECT_THAT(colour_of("shrunk"), StartsWith("hsl(215 "));
  EXPECT_THAT(colour_of("gone"), StartsWith("hsl(215 "));

  browser().click("#stacks tr:nth-child(3)");
  EXPECT_EQ(text_of("#stack-facts"),
            "\xe2\x88\x92"
            "20 bytes in 1 block, 13.3 %, malloc, 50 bytes in 5 blocks before, 30 bytes in 4 blocks now, "
            "shrunk");
  EXPECT_THAT(texts_of("#frames .function"), ElementsAre("shrunk", "main"));
  browser().click("#kinds button:nth-child(1)");  // what is new is left out, and the rest is all
  EXPECT_TRUE(has_width("grown", 40));
  EXPECT_EQ(browser().evaluate("document.querySelectorAll('#stacks tr').length"), 3);
  browser().click("#by-blocks");
  EXPECT_TRUE(has_width("grown", 50));
  expect_no_trouble();
}

TEST_F(DiffHtml, OfMoreBlocksAndFewerBytesOnlyTheBlocksGrew) {
  before.stacks = {stack("swapped", 1, 100)};
  after.stacks = {stack("swapped", 3, 30)};
  open_diff();
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(1)"), ElementsAre("+0 B"));
  EXPECT_THAT(texts_of("#stacks tr td:nth-child(3)"), ElementsAre("+2"));
  EXPECT_THAT(texts_of("#totals > div"), ElementsAre("\xe2\x88\x92"
                                                     "70 Blive",
                                                     "+2blocks"));
}

TEST_F(DiffHtml, WhatIsNotShownIsThereAsASumAndNothingIsNothing) {
  after.stacks = {stack("large", 1, 90), stack("small", 1, 10)};
  top = 1;
  open_diff();
  EXPECT_TRUE(has_width("large", 90) && has_width("[not shown]", 10));
  before.stacks = after.stacks;
  open_diff();
  EXPECT_EQ(text_of("#graph"), "Nothing has changed.");
  EXPECT_EQ(text_of("#stacks"), "Nothing has changed.");
  expect_no_trouble();
}

TEST_F(DiffHtml, NamesAreText) {
  const std::string name = "</script><img src=x onerror='window.owned = 1'>";
  after.stacks = {stack(name, 1, 90)};
  after.stacks[0].call = name;
  open_diff();
  EXPECT_EQ(text_of("#stack-title"), name);
  EXPECT_EQ(browser().evaluate("typeof window.owned"), "undefined");
  expect_no_trouble();
}

TEST_F(Html, FitsNarrowWindows) {
  an_app();
  one_bad_free();
  for (int width : {360, 800, 1100, 1900}) {
    open(~std::size_t{0}, width);
    EXPECT_EQ(browser().evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"), 0)
        << width;
  }
}

}  // namespace
}  // namespace leakdir::tool
