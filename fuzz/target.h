#pragma once
// One way into the code with bytes of anybody's: how inputs are made, and what must hold of every one of them.
// libFuzzer drives a target (engine.cpp, scripts/fuzz), and so does fuzz_smoke_test, which needs no libFuzzer.

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "fuzz/mutation.h"

namespace ksim::fuzz {

// Something that must hold of every input does not.
class Finding : public std::exception {
 public:
  explicit Finding(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

inline void must(bool holds, std::string_view what) {
  if (!holds) throw Finding(std::string(what));
}

// libFuzzer holds a target to these; the smoke test only to its own claims.
struct Bounds {
  size_t input_bytes = 4096;
  uint32_t allocation_mib = 64;  // of one allocation
  uint32_t memory_mib = 1024;    // of the process, sanitizers included
  uint32_t seconds = 10;         // of one input
  uint32_t smoke_mutations = 200;
};

// Same bytes, same doing: a target keeps nothing of an input but memory to use again.
class FuzzTarget {
 public:
  virtual ~FuzzTarget() = default;
  virtual Bounds bounds() const = 0;
  // What a Result refuses is fine. Anything thrown, and whatever sanitizers see, is a find. `input` is exactly as
  // long as its allocation.
  virtual void run(Bytes input) = 0;
  // Inputs to begin with, small ones first, made by the code that writes such bytes.
  virtual std::vector<ByteBuffer> corpus() = 0;
  // By what is known of the format. The result has at most `most` bytes.
  virtual void mutate(ByteBuffer& input, size_t most, Mutation& mutation) { mutation.bytes(input, most); }
};

// One line a target, each in its own file of targets/.
std::unique_ptr<FuzzTarget> make_wire_target();
std::unique_ptr<FuzzTarget> make_records_target();
std::unique_ptr<FuzzTarget> make_log_target();
std::unique_ptr<FuzzTarget> make_small_files_target();
std::unique_ptr<FuzzTarget> make_metadata_target();
std::unique_ptr<FuzzTarget> make_properties_target();
std::unique_ptr<FuzzTarget> make_plan_target();
std::unique_ptr<FuzzTarget> make_history_target();
std::unique_ptr<FuzzTarget> make_recording_target();
std::unique_ptr<FuzzTarget> make_broker_target();

}  // namespace ksim::fuzz
