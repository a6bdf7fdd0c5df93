// SPDX-License-Identifier: BSL-1.0
#include "pack.hh"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "base/error.hh"

namespace leakdir::tool {

namespace {

// Even many million equal blocks are packed to no less than a hundredth of their size; zlib itself could go down to a
// thousandth.
constexpr std::uint64_t kMaxRatio = 200;
constexpr std::uint64_t kAlwaysAllowed = 1 << 20;
constexpr std::size_t kPiece = 1 << 18;

uInt some(std::size_t bytes) {
  return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max() / 2));
}

}  // namespace

std::string packed(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string stream(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(stream.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                bytes.size(), Z_DEFAULT_COMPRESSION) != Z_OK)
    throw std::bad_alloc();
  stream.resize(size);
  return stream;
}

std::string unpacked(std::string_view stream, std::uint64_t expected, const std::string& name) {
  if (expected > kMaxUnpacked || expected > kAlwaysAllowed + stream.size() * kMaxRatio)
    throw Error(
        fmt::format("{} is damaged: it claims {} bytes, which cannot be in a file of its length", name, expected));
  z_stream zlib{};
  if (inflateInit(&zlib) != Z_OK) throw std::bad_alloc();
  std::string bytes;
  std::size_t taken = 0;
  int status = Z_OK;
  // Piece by piece: memory is spent on what is there, not on what is claimed.
  while (status == Z_OK && bytes.size() <= expected) {
    const std::size_t had = bytes.size();
    bytes.resize(had + std::min<std::uint64_t>(kPiece, expected - had + 1));
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stream.data() + taken));
    const uInt offered = some(stream.size() - taken), room = some(bytes.size() - had);
    zlib.avail_in = offered;
    zlib.next_out = reinterpret_cast<Bytef*>(bytes.data() + had);
    zlib.avail_out = room;
    status = inflate(&zlib, Z_NO_FLUSH);
    taken += offered - zlib.avail_in;
    bytes.resize(had + (room - zlib.avail_out));
  }
  inflateEnd(&zlib);
  if (status == Z_BUF_ERROR || (status == Z_OK && bytes.size() < expected))
    throw Error(fmt::format("{} is cut short", name));
  if (status != Z_STREAM_END || bytes.size() != expected || taken != stream.size())
    throw Error(fmt::format("{} is damaged: what it holds does not unpack", name));
  return bytes;
}

}  // namespace leakdir::tool
