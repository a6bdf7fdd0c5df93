// SPDX-License-Identifier: BSL-1.0
#include "unpack.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <lz4frame.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.hh"

namespace leakdir::tool {

namespace {

constexpr unsigned char kZstd[] = {0x28, 0xb5, 0x2f, 0xfd}, kLz4[] = {0x04, 0x22, 0x4d, 0x18};
constexpr std::size_t kPiece = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

int file_without_name() {
  const char* named = std::getenv("TMPDIR");
  const std::string directory = named != nullptr && *named != '\0' ? named : "/var/tmp";
  std::string path = directory + "/leakdir-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) throw Error(fmt::format("cannot make a file in {}: {}", directory, std::strerror(errno)));
  unlink(path.c_str());
  return file;
}

// Holes stay holes: much of a core is zeros.
void put(int file, const char* bytes, std::size_t count) {
  static const std::vector<char> zeros(kPiece);
  if (count <= zeros.size() && std::memcmp(bytes, zeros.data(), count) == 0) {
    const off_t end = lseek(file, static_cast<off_t>(count), SEEK_CUR);
    if (end >= 0 && ftruncate(file, end) == 0) return;
    throw Error(fmt::format("cannot unpack: {}", std::strerror(errno)));
  }
  for (std::size_t done = 0; done < count;) {
    const ssize_t written = write(file, bytes + done, count - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(fmt::format("cannot unpack: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(written);
  }
}

// Each gives what `next(room)` has read to a decoder. True: it came to the end.
template <class Next>
bool unpack_zstd(int to, Next next, const std::string& path) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::vector<char> in(kPiece), out(kPiece);
  std::size_t left = 1;
  for (std::size_t got; (got = next(in)) != 0;) {
    ZSTD_inBuffer input = {in.data(), got, 0};
    while (input.pos < input.size) {
      ZSTD_outBuffer output = {out.data(), out.size(), 0};
      left = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(left)) throw Error(fmt::format("{} is damaged: {}", path, ZSTD_getErrorName(left)));
      put(to, out.data(), output.pos);
    }
  }
  return left == 0;
}

template <class Next>
bool unpack_lz4(int to, Next next, const std::string& path) {
  LZ4F_dctx* made = nullptr;
  LZ4F_createDecompressionContext(&made, LZ4F_VERSION);
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(made, LZ4F_freeDecompressionContext);
  std::vector<char> in(kPiece), out(kPiece);
  std::size_t left = 1;
  for (std::size_t got; (got = next(in)) != 0;) {
    for (std::size_t at = 0; at < got;) {
      std::size_t taken = got - at, made_bytes = out.size();
      left = LZ4F_decompress(context.get(), out.data(), &made_bytes, in.data() + at, &taken, nullptr);
      if (LZ4F_isError(left)) throw Error(fmt::format("{} is damaged: {}", path, LZ4F_getErrorName(left)));
      put(to, out.data(), made_bytes);
      at += taken;
    }
  }
  return left == 0;
}

}  // namespace

OpenedFile open_unpacked(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (file.get() < 0 || fstat(file.get(), &status) != 0)
    throw Error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw Error(fmt::format("{} is no regular file", path));
  unsigned char start[4] = {};
  const bool has_start = pread(file.get(), start, sizeof start, 0) == sizeof start;
  const bool is_zstd = has_start && std::memcmp(start, kZstd, sizeof start) == 0;
  const bool is_lz4 = has_start && std::memcmp(start, kLz4, sizeof start) == 0;
  if (!is_zstd && !is_lz4) return {file.release(), false};
  Descriptor unpacked(file_without_name());
  const auto next = [&](std::vector<char>& room) {
    const ssize_t got = read(file.get(), room.data(), room.size());
    if (got < 0) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    return static_cast<std::size_t>(got);
  };
  const bool is_whole = is_zstd ? unpack_zstd(unpacked.get(), next, path) : unpack_lz4(unpacked.get(), next, path);
  return {unpacked.release(), !is_whole};
}

}  // namespace leakdir::tool
