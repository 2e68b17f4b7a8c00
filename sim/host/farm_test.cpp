#include "sim/host/farm.h"

#include <csignal>
#include <map>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/host/process.h"
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
    options.died = [this](uint64_t job, const Death& death) {
      deaths[job] = to_string(death);
      return true;
    };
    return options;
  }
  // With what a second try needs.
  FarmOptions twice(uint64_t count, const std::function<ByteBuffer(uint64_t)>& work) {
    FarmOptions options = farm(count, work);
    options.recovered = [this](uint64_t job, const Death& first) {
      EXPECT_TRUE(answers.contains(job));
      recovered[job] = to_string(first);
    };
    return options;
  }
  static ByteBuffer words(const std::string& text) { return {text.begin(), text.end()}; }

  std::map<uint64_t, std::string> answers;
  std::map<uint64_t, std::string> deaths;
  std::map<uint64_t, std::string> recovered;
};

// What the workers and their parent share.
struct Shared {
  int process;
  int running;    // workers with a job
  int tries[40];  // by job
  int alone;      // second tries while nobody else was at work
};
class SharedFarmTest : public FarmTest {
 protected:
  SharedFarmTest()
      : shared(static_cast<Shared*>(
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedFarmTest() override { ::munmap(shared, sizeof(Shared)); }
  Shared* shared;
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
    if (job == 7) {
      write_error("begins\n7 cannot be done\n");
      ::_exit(42);
    }
    if (job == 8) ::raise(SIGKILL);
    return words("done");
  })));
  EXPECT_EQ(answers.size(), 38U);
  EXPECT_EQ(deaths, (std::map<uint64_t, std::string>{{7, "exited with code 42: begins | 7 cannot be done"},
                                                     {8, "killed by SIGKILL (out of memory?)"}}));
}

TEST_F(FarmTest, KnownJobsAreLeftOut) {
  FarmOptions options = farm(1'000'000'000, [](uint64_t job) { return words(std::to_string(job)); });
  options.count = 100;
  options.known = [](uint64_t job) { return job < 50 || job % 3 == 0; };
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers.size(), 33U);
  for (const auto& [job, answer] : answers) EXPECT_TRUE(job >= 50 && job % 3 != 0) << job;
  answers.clear();
  options.known = [](uint64_t) { return true; };
  EXPECT_TRUE(run_farm(options));
  EXPECT_TRUE(answers.empty());
}

TEST_F(FarmTest, AJobApartIsTheFirstOfItsProcess) {
  uint64_t before = 0;  // jobs, in a worker
  FarmOptions options = farm(100, [&before](uint64_t) { return words(std::to_string(before++)); });
  options.apart = [](uint64_t job) { return job % 10 == 9; };
  EXPECT_TRUE(run_farm(options));
  ASSERT_EQ(answers.size(), 100U);
  for (uint64_t job = 9; job < 100; job += 10) EXPECT_EQ(answers[job], "0");
}

TEST_F(FarmTest, AJobThatDoesNotEndIsEnded) {
  FarmOptions options = farm(40, [](uint64_t job) {
    while (job == 9) ::pause();
    volatile uint64_t turns = 0;
    while (job == 30 && turns + 1 > 0) turns = turns + 1;
    return words("done");
  });
  options.patience_ns = 300 * kMs;
  options.tick = [] {};
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers.size(), 38U);
  EXPECT_EQ(deaths, (std::map<uint64_t, std::string>{{9, "no end: it was asleep for 300 ms"},
                                                     {30, "no end within 300 ms of processor time"}}));
}

// As when a terminal stops all of them and the person comes back after lunch.
TEST_F(SharedFarmTest, TimeInWhichTheFarmWasStoppedIsNobodysFault) {
  Pipe word;
  FarmOptions options = farm(1, [&](uint64_t) {
    uint8_t byte = 0;
    read_exactly(word.ends[0], {&byte, 1});
    return words("done");
  });
  options.patience_ns = 1000 * kMs;
  int ticks = 0;
  options.tick = [&] {
    ++ticks;
    if (ticks == 2) {
      for (const int64_t end_ns = real_ns() + 1500 * kMs; real_ns() < end_ns;) {
      }
    }
    if (ticks == 4) write_all(word.ends[1], as_bytes("x"));
  };
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers[0], "done");
  EXPECT_TRUE(deaths.empty());
}

// One that is stopped gets no more of a processor than one that a loaded machine starves.
TEST_F(SharedFarmTest, AWorkerThatGetsNoProcessorIsNotHung) {
  FarmOptions options = farm(1, [this](uint64_t) {
    shared->process = ::getpid();
    ::raise(SIGSTOP);
    return words("done");
  });
  options.patience_ns = 200 * kMs;
  int ticks = 0;
  options.tick = [&] {
    if (++ticks >= 6 && shared->process != 0) ::kill(shared->process, SIGCONT);
  };
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers[0], "done");
  EXPECT_TRUE(deaths.empty());
}

TEST_F(SharedFarmTest, AJobWhoseWorkerDiedIsTriedOnceMoreAlone) {
  FarmOptions options = twice(40, [this](uint64_t job) {
    const int others = __atomic_fetch_add(&shared->running, 1, __ATOMIC_SEQ_CST);
    const bool again = ++shared->tries[job] == 2;
    if (again && others == 0) ++shared->alone;
    for (const int64_t end_ns = real_ns() + 10 * kMs; real_ns() < end_ns;) {
    }
    __atomic_sub_fetch(&shared->running, 1, __ATOMIC_SEQ_CST);
    if (job == 13 || (job == 7 && !again)) ::raise(SIGXCPU);  // a sanitizer has words of its own for a crash
    return words("done");
  });
  options.workers = 4;
  EXPECT_TRUE(run_farm(options));
  EXPECT_EQ(answers.size(), 39U);
  EXPECT_EQ(recovered, (std::map<uint64_t, std::string>{{7, "killed by SIGXCPU"}}));
  EXPECT_EQ(deaths, (std::map<uint64_t, std::string>{{13, "killed by SIGXCPU"}}));
  EXPECT_EQ(shared->alone, 2);
  EXPECT_EQ(shared->tries[13], 2);
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
