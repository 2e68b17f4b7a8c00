// Q2.

#include "core/wire/messages/alter_partition.h"
#include "core/wire/messages/fetch.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class Loops : public Story {
 protected:
  // So many requests, one each so many microseconds.
  bool minded(int16_t api, int times, int64_t apart_us) {
    for (int i = 0; i < times; ++i) {
      now = now + microseconds(apart_us);
      for (auto& checker : checkers) checker->on_request({"broker-1", "controller-101", api, now});
    }
    return cried("Q2");
  }
};

TEST_F(Loops, AreCriedAt) { EXPECT_TRUE(minded(wire::AlterPartitionRequest::kApiKey, 400, 1000)); }
TEST_F(Loops, ButNotWhoWaitsBetween) {
  EXPECT_FALSE(minded(wire::AlterPartitionRequest::kApiKey, 4000, 10'000));
}
TEST_F(Loops, NorWhoFetchesRecords) { EXPECT_FALSE(minded(wire::FetchRequest::kApiKey, 4000, 500)); }

}  // namespace
}  // namespace ksim::sim
