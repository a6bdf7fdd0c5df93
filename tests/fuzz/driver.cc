// SPDX-License-Identifier: BSL-1.0
//
// driver CORPUS [ROUNDS]: gives a fuzz target its corpus, and changed copies of it, the same at each run. It passes
// when nothing crashes, everything that must hold does, and some inputs were taken and some refused.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz.hh"

namespace {

namespace fs = std::filesystem;

constexpr unsigned long kRounds = 20000;

std::string last_input;  // for whoever looks at a crash in a debugger

bool try_input(const std::string& input) {
  last_input = input;
  fuzz_was_taken = false;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(last_input.data()), last_input.size());
  return fuzz_was_taken;
}

std::vector<std::string> corpus_in(const std::string& directory) {
  std::vector<fs::path> paths;
  if (fs::is_directory(directory))
    for (const auto& entry : fs::directory_iterator(directory)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus = fuzz_seeds();
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus), words_(fuzz_words()) {}

  std::string next() {
    std::string input = pick(corpus_);
    for (std::size_t changes = 1 + random_() % 5; changes > 0; --changes) change(input);
    return input;
  }

 private:
  const std::string& pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }

  void change(std::string& input) {
    const std::size_t at = input.empty() ? 0 : random_() % input.size();
    const std::size_t length = std::min<std::size_t>(input.size() - at, random_() % 40);
    switch (random_() % 8) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << random_() % 8));
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      case 4: {
        const std::string& other = pick(corpus_);
        const std::size_t from = other.empty() ? 0 : random_() % other.size();
        input.insert(at, other.substr(from, random_() % 200));
        break;
      }
      case 5:
        input.resize(at);
        break;
      default:
        if (words_.empty()) break;
        random_() % 2 ? input.insert(at, pick(words_)) : input.replace(at, length, pick(words_));
    }
  }

  const std::vector<std::string>& corpus_;
  std::vector<std::string> words_;
  std::mt19937_64 random_{20261123};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::vector<std::string> corpus = corpus_in(argv[1]);
  const unsigned long rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : kRounds;
  if (corpus.empty()) {
    std::printf("nothing in %s\n", argv[1]);
    return 1;
  }
  unsigned long taken = 0, refused = 0;
  for (const auto& input : corpus) (try_input(input) ? taken : refused)++;
  std::printf("%zu inputs as they are: %lu taken, %lu refused\n", corpus.size(), taken, refused);
  Mutator mutator(corpus);
  for (unsigned long i = 0; i < rounds; ++i) (try_input(mutator.next()) ? taken : refused)++;
  std::printf("with %lu changed ones: %lu taken, %lu refused, no crash\n", rounds, taken, refused);
  return taken != 0 && refused != 0 ? 0 : 1;
}
