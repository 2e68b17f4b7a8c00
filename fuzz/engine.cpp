// One target as a program of libFuzzer's, which has the main function. Beside libFuzzer's own options:
//   --flags                 the options that hold the target to its bounds
//   --write-corpus DIR      inputs to begin with, as files

#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "fuzz/target.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace ksim::fuzz {
namespace {

class EngineMutation final : public Mutation {
 public:
  using Mutation::Mutation;
  void bytes(ByteBuffer& bytes, size_t most) override {
    if (most == 0) return bytes.clear();
    const size_t size = std::min(bytes.size(), most);
    bytes.resize(most);
    bytes.resize(LLVMFuzzerMutate(bytes.data(), size, most));
  }
};

FuzzTarget& target() {
  static const std::unique_ptr<FuzzTarget> made = KSIM_FUZZ_TARGET();
  return *made;
}

[[noreturn]] void leave(int code) {
  std::_Exit(code);  // libFuzzer takes any other way for a crash
}

void write_corpus(const std::string& directory) {
  size_t number = 0;
  for (const ByteBuffer& input : target().corpus()) {
    const auto written = host::write_whole(fmt::format("{}/seed-{:05}", directory, number++), as_text(input));
    if (written.ok()) continue;
    host::write_error(written.error().message + "\n");
    leave(1);
  }
  leave(0);
}

}  // namespace
}  // namespace ksim::fuzz

extern "C" int LLVMFuzzerInitialize(int* count, char*** values) {
  using namespace ksim;
  const std::vector<std::string> arguments(*values + 1, *values + *count);
  if (arguments.size() == 2 && arguments[0] == "--write-corpus") fuzz::write_corpus(arguments[1]);
  if (arguments.size() == 1 && arguments[0] == "--flags") {
    const fuzz::Bounds bounds = fuzz::target().bounds();
    host::write_out(fmt::format("-max_len={} -malloc_limit_mb={} -rss_limit_mb={} -timeout={}\n", bounds.input_bytes,
                                bounds.allocation_mib, bounds.memory_mib, bounds.seconds));
    fuzz::leave(0);
  }
  return 0;
}

// What is thrown is not caught: the trace then shows where it was thrown.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ksim::fuzz::target().run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  ksim::ByteBuffer input(data, data + size);
  ksim::fuzz::EngineMutation mutation(seed);
  ksim::fuzz::target().mutate(input, most, mutation);
  const size_t changed = std::min(input.size(), most);
  if (changed > 0) std::memcpy(data, input.data(), changed);
  return changed;
}
