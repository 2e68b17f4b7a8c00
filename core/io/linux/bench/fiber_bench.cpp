// fiber_bench [MEASURE]: what fibers cost, without any world: time jumps, nothing is written. One line a
// measure, "name nanoseconds"; `switch` is the yardstick that scripts/bench relates other figures to.

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "core/io/linux/clock.h"
#include "core/io/linux/stack_memory.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim {
namespace {

class JumpingPolicy final : public SchedulerPolicy {
 public:
  Instant now() override { return time_; }
  uint64_t wake_priority(const Fiber&) override { return ++order_; }
  uint64_t timer_tie(const Fiber&) override { return ++order_; }
  bool idle(Instant next) override {
    if (next.is_never()) return false;
    time_ = std::max(time_, next);
    return true;
  }
  void fiber_failed(Fiber&, std::string_view what) override { fmt::print("failed: {}\n", what); }

 private:
  Instant time_{0};
  uint64_t order_ = 0;
};

struct Bench {
  MappedStacks memory;
  StackPool stacks{memory};
  JumpingPolicy policy;
  Scheduler scheduler{policy, stacks};
  FiberGroup group{"bench", 1};
  Scope scope{scheduler, group};

  void run() {
    scheduler.run([this] { return group.empty(); });
  }
};

// The best of five rounds: the machine has other things to do, and never makes us faster.
void measure(std::string_view wanted, std::string_view name, int64_t operations,
             const std::function<void(Bench&)>& body) {
  if (!wanted.empty() && wanted != name) return;
  LinuxClock clock;
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    Bench bench;
    const Instant start = clock.now();
    body(bench);
    bench.run();
    const double cost = static_cast<double>((clock.now() - start).ns) / static_cast<double>(operations);
    best = round == 0 ? cost : std::min(best, cost);
  }
  fmt::print("{:<28} {:8.1f}\n", name, best);
}

// `fibers` fibers hand the processor round, each waking the next.
void ring(Bench& bench, size_t fibers, int64_t switches) {
  struct Ring {
    std::vector<Fiber*> members;
    int64_t left = 0;
  };
  auto state = std::make_shared<Ring>();
  state->members.resize(fibers);
  state->left = switches;
  for (size_t i = 0; i < fibers; ++i) {
    bench.scope.spawn("member", [&bench, state, i, fibers] {
      state->members[i] = bench.scheduler.current();
      while (state->left > 0) {
        Fiber* next = state->members[(i + 1) % fibers];
        if (next != nullptr && next != bench.scheduler.current()) bench.scheduler.wake(*next);
        --state->left;
        if (fibers == 1) {
          bench.scheduler.yield();
        } else {
          static_cast<void>(bench.scheduler.park(Instant::never(), "ring"));
        }
      }
      Fiber* next = state->members[(i + 1) % fibers];
      if (next != nullptr) bench.scheduler.wake(*next);
      state->members[i] = nullptr;
    });
  }
}

void sleepers(Bench& bench, int64_t fibers, int64_t sleeps) {
  for (int64_t i = 0; i < fibers; ++i) {
    bench.scope.spawn("sleeper", [&bench, i, each = sleeps / fibers] {
      for (int64_t n = 0; n < each; ++n) {
        const Duration nap = microseconds(1000 + (n * 7919 + i * 104729) % 1000);
        bench.scheduler.sleep_until(bench.policy.now() + nap);
      }
    });
  }
}

void all(std::string_view wanted) {
  fmt::print("{:<28} {:>8}\n", "operation", "ns");
  constexpr int64_t kMany = 2'000'000;
  measure(wanted, "switch", kMany, [](Bench& b) { ring(b, 2, kMany); });
  measure(wanted, "switch among 90", kMany, [](Bench& b) { ring(b, 90, kMany); });
  measure(wanted, "switch among 10000", kMany, [](Bench& b) { ring(b, 10'000, kMany); });
  measure(wanted, "yield", kMany, [](Bench& b) { ring(b, 1, kMany); });
  measure(wanted, "spawn, run, end", kMany / 4, [](Bench& b) {
    b.scope.spawn("parent", [&b] {
      for (int64_t i = 0; i < kMany / 4; ++i) {
        Scope inner(b.scheduler, b.group);
        inner.spawn(
            "child", [] {}, static_cast<uint64_t>(i % 16));
        inner.join();
      }
    });
  });
  measure(wanted, "spawn, park, cancel, end", kMany / 20, [](Bench& b) {
    b.scope.spawn("parent", [&b] {
      for (int64_t i = 0; i < kMany / 20; ++i) {
        Scope inner(b.scheduler, b.group);
        inner.spawn("child", [&b] { static_cast<void>(b.scheduler.park(Instant::never(), "ever")); });
        b.scheduler.yield();
        inner.close();
      }
    });
  });
  measure(wanted, "sleep, 50 pending", kMany / 2, [](Bench& b) { sleepers(b, 50, kMany / 2); });
  measure(wanted, "sleep, 300 pending", kMany / 2, [](Bench& b) { sleepers(b, 300, kMany / 2); });
  measure(wanted, "sleep, 3000 pending", kMany / 2, [](Bench& b) { sleepers(b, 3'000, kMany / 2); });
}

}  // namespace
}  // namespace ksim

int main(int argc, char** argv) {
  ksim::all(argc > 1 ? argv[1] : "");
  return 0;
}
