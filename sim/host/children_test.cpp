#include "sim/host/children.h"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

constexpr int64_t kMs = 1'000'000;

class FarmTest : public testing::Test {
 protected:
  FarmOptions farm(uint64_t count, const std::function<ByteBuffer(uint64_t)>& work) {
    FarmOptions options;
    options.count = count;
    options.workers = 2;
    options.batch = 4;
    options.work = [work](uint64_t job, Bytes) { return work(job); };
    options.done = [this](uint64_t job, Bytes words) {
      EXPECT_TRUE(answers.emplace(job, std::string(as_text(words))).second);
      return true;
    };
    options.died = [this](uint64_t job, int code) {
      deaths[job] = code;
      return true;
    };
    return options;
  }
  static ByteBuffer words(const std::string& text) { return {text.begin(), text.end()}; }

  std::map<uint64_t, std::string> answers;
  std::map<uint64_t, int> deaths;
};

TEST_F(FarmTest, EveryJobIsAnsweredOnce) {
  EXPECT_TRUE(run_farm(farm(100, [](uint64_t job) { return words("job " + std::to_string(job)); })));
  ASSERT_EQ(answers.size(), 100U);
  EXPECT_EQ(answers[17], "job 17");
  EXPECT_TRUE(deaths.empty());
}

// A job that is handed out again, since its worker died, has its brief as well.
TEST_F(FarmTest, AWorkerIsToldWhatItsParentSaysOfAJob) {
  FarmOptions options = farm(40, nullptr);
  options.brief = [](uint64_t job) { return words(std::string(job * 1000, 'x')); };
  options.work = [](uint64_t job, Bytes brief) {
    if (job == 5) ::_exit(42);
    return words(std::to_string(brief.size()));
  };
  EXPECT_TRUE(run_farm(options));
  ASSERT_EQ(answers.size(), 39U);
  for (const auto& [job, answer] : answers) EXPECT_EQ(answer, std::to_string(job * 1000));
}

TEST_F(FarmTest, AJobThatKillsItsWorkerIsToldAndTheOthersAreDone) {
  EXPECT_TRUE(run_farm(farm(40, [](uint64_t job) {
    if (job == 7) ::_exit(42);
    return words("done");
  })));
  EXPECT_EQ(answers.size(), 39U);
  EXPECT_EQ(deaths, (std::map<uint64_t, int>{{7, 42}}));
}

TEST_F(FarmTest, AJobThatDoesNotEndIsEnded) {
  FarmOptions options = farm(40, [](uint64_t job) {
    while (job == 9) ::pause();
    return words("done");
  });
  options.patience_ns = 300 * kMs;
  options.tick = [] {};
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers.size(), 39U);
  EXPECT_EQ(deaths, (std::map<uint64_t, int>{{9, kHung}}));
}

TEST_F(FarmTest, StopsAtItsTime) {
  FarmOptions options = farm(~0ULL, [](uint64_t) { return words("done"); });
  options.until_ns = real_ns() + 200 * kMs;
  options.tick = [] {};
  EXPECT_TRUE(run_farm(options));
  EXPECT_FALSE(answers.empty());
}

}  // namespace
}  // namespace ksim::host
