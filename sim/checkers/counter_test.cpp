// Stories of the counter: X1. A test of this kind belongs to every checker, to show that it can cry.

#include "sim/workloads/counter.h"

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class Counter : public Story {
 protected:
  void tell(const std::any& fact) {
    for (auto& checker : checkers) checker->on_own_fact(fact);
  }
  void add(uint64_t number, Outcome outcome, int64_t offset = -1) {
    tell(CounterAdd{0, number, tick(), outcome, offset});
  }
  void read(int64_t value, uint64_t reader = 1) { tell(CounterRead{0, reader, value, tick()}); }
};

TEST_F(Counter, X1IsContentWithAnyOrderOfWhatWasAdded) {
  lead(1, 0);
  add(1, Outcome::pending);
  read(1);  // it may be there before it is answered
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  add(1, Outcome::ok, 0);
  read(0, 2);  // another reader may be behind
  add(2, Outcome::failed);
  end();
  EXPECT_FALSE(cried("X1")) << cries();
}

TEST_F(Counter, X1CriesForMoreThanWasAdded) {
  add(1, Outcome::ok, 0);
  add(2, Outcome::failed);
  read(2);
  EXPECT_TRUE(cried("X1"));
}

TEST_F(Counter, X1CriesWhenAReaderIsShownLessThanBefore) {
  add(1, Outcome::pending);
  add(2, Outcome::pending);
  read(2);
  read(1, 2);
  EXPECT_FALSE(cried("X1"));
  read(1);
  EXPECT_TRUE(cried("X1"));
}

TEST_F(Counter, X1CriesForAnAddThatIsGoneInTheEnd) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  add(1, Outcome::ok, 0);
  add(2, Outcome::ok, 1);
  end();
  EXPECT_TRUE(cried("X1"));
}

}  // namespace
}  // namespace ksim::sim
