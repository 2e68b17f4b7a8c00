// Every target of fuzz/ without libFuzzer: the inputs that it begins with, and some hundred changes of them.

#include <algorithm>

#include <gtest/gtest.h>

#include "core/base/sanitizers.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

struct Named {
  const char* name;
  std::unique_ptr<FuzzTarget> (*make)();
};
constexpr Named kTargets[] = {{"wire", make_wire_target},
                              {"records", make_records_target},
                              {"log", make_log_target},
                              {"small_files", make_small_files_target},
                              {"metadata", make_metadata_target},
                              {"properties", make_properties_target},
                              {"plan", make_plan_target},
                              {"history", make_history_target},
                              {"recording", make_recording_target},
                              {"broker", make_broker_target}};

class Smoke : public testing::TestWithParam<Named> {};
INSTANTIATE_TEST_SUITE_P(Targets, Smoke, testing::ValuesIn(kTargets),
                         [](const testing::TestParamInfo<Named>& target) { return target.param.name; });

#ifdef KSIM_ADDRESS_SANITIZER
constexpr uint64_t kSlower = 5;  // scripts/fuzz has the time for more
#else
constexpr uint64_t kSlower = 1;
#endif

// False: a find, which is told.
bool holds(FuzzTarget& target, const ByteBuffer& input, uint64_t number) {
  try {
    const auto exact = std::make_unique<uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), exact.get());
    target.run({exact.get(), input.size()});
  } catch (const std::exception& error) {
    ADD_FAILURE() << "input " << number << ": " << error.what() << "\n" << to_hex(input);
    return false;
  }
  return true;
}

TEST_P(Smoke, HoldsWhateverItIsFed) {
  const std::unique_ptr<FuzzTarget> target = GetParam().make();
  const Bounds bounds = target->bounds();
  const std::vector<ByteBuffer> inputs = target->corpus();
  ASSERT_FALSE(inputs.empty());
  uint64_t number = 0;
  for (const ByteBuffer& input : inputs) {
    EXPECT_LE(input.size(), bounds.input_bytes) << number;
    ASSERT_TRUE(holds(*target, input, number++));
  }
  for (uint64_t i = 0; i < bounds.smoke_mutations / kSlower; ++i) {
    Mutation mutation(i);
    ByteBuffer input = inputs[i % inputs.size()];
    for (uint64_t changes = 1 + i % 4; changes > 0; --changes) target->mutate(input, bounds.input_bytes, mutation);
    ASSERT_LE(input.size(), bounds.input_bytes);
    ASSERT_TRUE(holds(*target, input, number++));
  }
}

}  // namespace
}  // namespace ksim::fuzz
