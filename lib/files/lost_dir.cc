// SPDX-License-Identifier: BSL-1.0
#include "lost_dir.hh"

#include <errno.h>
#include <fcntl.h>

#include "block_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "live_list.hh"
#include "lost_first.hh"
#include "record_dir.hh"
#include "render.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;

bool is_lost_dir_there = false;

// Calls visit(row, block) for the live blocks that are listed and of which something is known.
template <class Visit>
void for_each_known(Visit visit) {
  for_each_row(all_block_rows(), [&](std::uint32_t row) {
    Block block = copy_row(row);
    if (ledger::block_state(block.word[0]) != ledger::BlockState::kLive) return;
    if (!is_listed(ledger::block_flags(block.word[0]))) return;
    if (ledger::block_reach(block.word[0]) != ledger::Reach::kUnknown) visit(row, block);
  });
}

bool is_lost(const Block& block) { return ledger::is_lost(ledger::block_reach(block.word[0])); }

void link_or_copy(int folder, int lost, const Block& block, RecordText& text) {
  const std::uint64_t address = ledger::block_address(block.word[0]);
  char name[kMaxRecordName + 1];
  Text record(name, sizeof name);
  put_record_name(record, address, kRecordSuffix);
  const int error = sys::link_at(folder, record.c_str(), lost, record.c_str());
  const bool has_no_links = error == -EPERM || error == -EOPNOTSUPP || error == -ENOSYS || error == -EMLINK;
  if (!has_no_links || !has_room_for_another_file({folder})) return;
  const Rendered rendered = render_block(text, block);
  create_record({lost}, address, kRecordSuffix, rendered.text, rendered.bytes);
}

}  // namespace

void write_kinds_into_records(int folder) {
  const RecordTextRoom room;
  if (room.text() == nullptr) return;
  make_files_of_lost_blocks({folder}, *room.text());
  for_each_known([&](std::uint32_t, const Block& block) {
    if (!has_file(block)) return;
    const Rendered record = render_block(*room.text(), block);
    rewrite_record({folder}, ledger::block_address(block.word[0]), kRecordSuffix, record.text, record.bytes);
  });
}

void fill_lost_dir(int folder) {
  const RecordTextRoom room;
  int lost = -1;
  for_each_known([&](std::uint32_t, const Block& block) {
    if (!is_lost(block) || !has_file(block) || room.text() == nullptr) return;
    if (lost < 0) {
      const int made = sys::make_dir_at(folder, kLostDir, kRecordDirMode);
      if (made != 0 && made != -EEXIST) return;
      lost = sys::open_at(folder, kLostDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (lost < 0) return;
      sys::change_mode(lost, kRecordDirMode);  // whatever the umask is
    }
    link_or_copy(folder, lost, block, *room.text());
  });
  is_lost_dir_there = lost >= 0;
  if (lost >= 0) sys::close(lost);
}

void remove_lost_record(std::uint64_t address) {
  if (!is_lost_dir_there) return;
  const int folder = open_record_dir();
  if (folder < 0) return;
  const int lost = sys::open_at(folder, kLostDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (lost >= 0) {
    remove_record({lost}, address, kRecordSuffix);
    sys::close(lost);
  }
  sys::close(folder);
}

}  // namespace leakdir
