// SPDX-License-Identifier: BSL-1.0
#include "live_view.hh"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/words.hh"
#include "emit/emit.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kFrames = 3;  // of each stack in the list: so that several fit
constexpr const char* kSorts[] = {"bytes", "blocks", "age", "growth"};

constexpr char kHelp[] =
    "up, down, j, k      choose a stack\n"
    "page up, page down  scroll (also b and space)\n"
    "home, end           the first, the last (also < and >)\n"
    "Enter, right        open what is chosen: all of its frames\n"
    "Esc, left           back to the list\n"
    "s                   sort by bytes, blocks, age, growth\n"
    "g                   group by stack, function, caller, file, module\n"
    "r                   growth counts from now\n"
    "?, h                this help\n"
    "q, Ctrl-C           quit\n";

std::vector<std::string> lines_in(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

template <class Words>
std::size_t next_word(const Words& words, const std::string& now) {
  const auto at = std::find(std::begin(words), std::end(words), now);
  const auto count = static_cast<std::size_t>(std::size(words));
  return (static_cast<std::size_t>(at - std::begin(words)) + 1) % count;
}

std::string text_of(const Report& report, const TextStyle& style) {
  std::string text;
  emit_text(report, style, [&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace

std::size_t LiveView::items(const Look& look) const {
  return lists_parts() ? look.parts.parts.size() : look.grouped.groups.size();
}

std::string LiveView::name_of_item(const Look& look, std::size_t item) const {
  return lists_parts() ? look.parts.parts[item].name : identity_of_(look, item);
}

void LiveView::choose(const Look& look, std::size_t item) {
  chosen_ = item;
  identity_ = name_of_item(look, item);
}

void LiveView::move(const Look& look, std::ptrdiff_t by) {
  const auto last = static_cast<std::ptrdiff_t>(items(look)) - 1;
  if (last < 0) return;
  // Nothing is chosen: the first that is to be seen comes next.
  const auto from = static_cast<std::ptrdiff_t>(chosen_ == kNone ? first_ : chosen_);
  choose(look, static_cast<std::size_t>(
                   std::clamp<std::ptrdiff_t>(chosen_ == kNone && (by == 1 || by == -1) ? from : from + by, 0, last)));
}

LiveView::Need LiveView::press(Key key, const Look& look) {
  const auto page = static_cast<std::ptrdiff_t>(is_open_ ? lines_open_ : listed_);
  const auto scroll = [&](std::ptrdiff_t by) {
    if (!is_open_) return move(look, by);
    line_ = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(line_) + by, 0,
                                                                static_cast<std::ptrdiff_t>(most_line_)));
  };
  const std::ptrdiff_t all = std::ptrdiff_t{1} << 40;
  const bool hid_help = std::exchange(shows_help_, false);
  switch (key) {
    case Key::kUp:
      scroll(-1);
      break;
    case Key::kDown:
      scroll(1);
      break;
    case Key::kPageUp:
      scroll(-page);
      break;
    case Key::kPageDown:
      scroll(page);
      break;
    case Key::kFirst:
      scroll(-all);
      break;
    case Key::kLast:
      scroll(all);
      break;
    case Key::kOpen:
      if (chosen_ == kNone && items(look) != 0) choose(look, first_);
      is_open_ = chosen_ != kNone;
      line_ = 0;
      break;
    case Key::kBack:
      is_open_ = false;
      break;
    case Key::kSort:
      arrangement_.sort = kSorts[next_word(kSorts, arrangement_.sort)];
      // What is grouped by something else than stacks has no order by growth.
      if (lists_parts() && arrangement_.sort == "growth") arrangement_.sort = kSorts[0];
      if (chosen_ == kNone) first_ = 0;
      return Need::kArrange;
    case Key::kGroup:
      arrangement_.by = static_cast<By>(next_word(kByWords, kByWords[static_cast<std::size_t>(arrangement_.by)]));
      if (lists_parts() && arrangement_.sort == "growth") arrangement_.sort = kSorts[0];
      is_open_ = false;
      chosen_ = kNone;
      first_ = 0;
      return Need::kArrange;
    case Key::kReset:
      return Need::kForgetGrowth;
    case Key::kHelp:
      shows_help_ = !hid_help;
      break;
    case Key::kQuit:
      break;
  }
  return Need::kNothing;
}

void LiveView::take(const Look& look) {
  const std::size_t count = items(look);
  first_ = std::min(first_, count == 0 ? 0 : count - 1);
  if (chosen_ == kNone) return;
  for (std::size_t item = 0; item < count; ++item) {
    if (name_of_item(look, item) != identity_) continue;
    chosen_ = item;
    return;
  }
  chosen_ = kNone;  // it has no live block any more
}

// As many as fit from `first_` on, which moves so that what is chosen is among them.
std::string LiveView::list(const Look& look, std::size_t lines, std::size_t columns, bool is_coloured) {
  TextStyle style{is_coloured, columns, kFrames};
  style.is_look = true;
  if (chosen_ != kNone) {
    style.chosen = chosen_;
    first_ = std::min(first_, chosen_);
  }
  for (;; ++first_) {
    const std::size_t room = top_ != 0 ? std::min(top_, lines) : lines;  // each takes a line, at least
    for (std::size_t end = std::min(items(look), first_ + room);; --end) {
      Report report = report_of(look, first_, lists_parts() ? 0 : end, is_filtered_);
      Parts parts;
      if (lists_parts()) {
        parts = look.parts;
        parts.shown = end;
        report.parts = &parts;
      }
      std::string text = text_of(report, style);
      if (end > first_ + 1 && count_lines(text) > lines) continue;
      if (chosen_ != kNone && chosen_ >= end && first_ < chosen_) break;
      listed_ = std::max<std::size_t>(end - std::min(first_, end), 1);
      return text;
    }
  }
}

std::string LiveView::open_item(const Look& look, std::size_t lines, std::size_t columns, bool is_coloured) {
  std::string text = "This stack has no live block any more.\n";
  if (chosen_ != kNone) {
    std::size_t first = chosen_, end = chosen_ + 1;
    if (lists_parts()) {  // its stacks stand together
      first = 0;
      for (std::size_t part = 0; part < chosen_; ++part) first += look.parts.parts[part].groups.size();
      end = first + look.parts.parts[chosen_].groups.size();
    }
    TextStyle style{is_coloured, columns, 0};
    style.is_look = true;
    text = text_of(report_of(look, first, end, is_filtered_), style);
  }
  const std::vector<std::string> all = lines_in(text);
  lines_open_ = std::max<std::size_t>(lines, 1);
  most_line_ = all.size() > lines ? all.size() - lines : 0;
  line_ = std::min(line_, most_line_);
  std::string shown;
  for (std::size_t i = line_; i < std::min(all.size(), line_ + lines); ++i) shown += all[i] + "\n";
  return shown;
}

std::string LiveView::keys(const std::string& when) const {
  if (is_open_) return fmt::format("q quits, Esc: back, arrows scroll; {}", when);
  return fmt::format("q quits, ? helps, s: by {}, g: {}, r: growth from now, Enter opens; {}", arrangement_.sort,
                     kByWords[static_cast<std::size_t>(arrangement_.by)], when);
}

std::string LiveView::text(const Look& look, TerminalSize size, bool is_coloured, const std::string& when) {
  const std::size_t lines = size.lines > 1 ? size.lines - 1 : 1;  // the last is for what the keys do
  std::string text = shows_help_ ? kHelp
                     : is_open_  ? open_item(look, lines, size.columns, is_coloured)
                                 : list(look, lines, size.columns, is_coloured);
  return text + keys(when);
}

}  // namespace leakdir::tool
