// SPDX-License-Identifier: BSL-1.0
//
// Debug sections that were compressed with zstd (gcc -gz=zstd, ld --compress-debug-sections=zstd), which libdw reads
// from release 0.189 on only: given to it unpacked, in a file in memory. Those that zlib has compressed it reads
// itself.

#pragma once

namespace leakdir::tool {

// Whether it has such sections.
bool has_packed_by_zstd(int file);

// The file itself, or in its place one in memory in which such sections are as they were before; `file` is closed then.
// A section that is not what it says to be stays as it is.
int with_zstd_unpacked(int file);

}  // namespace leakdir::tool
