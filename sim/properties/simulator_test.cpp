// The simulator itself, of whatever plan.

#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"
#include "sim/runner/runner.h"
#include "sim/workloads/all.h"

namespace ksim::sim::properties {
namespace {

Space anything() {
  Space space;
  space.producers("acks", {"all", "1", "0"});
  space.trim([](Plan& plan) {
    for (ProducerPlan& one : plan.producers)
      if (one.config["acks"] != "all") one.config["enable.idempotence"] = "false";
  });
  space.kills({"leader(orders-0)", "any", "all"}).troubles({"any", "controller"}).on_marks();
  return space.fault("power_loss", {"any", "all"}).fault("clock_step", {"any"}, {{"by", "2s"}});
}

uint64_t digest_of(const Plan& plan, const RunRequest& request = {}) {
  RunMemory memory(0xa5);
  return run_plan(plan, request, memory).digest;
}

TEST(ARun, DependsOnItsPlanAlone) {
  const Space space = anything();
  hold(
      space,
      [](Trial& trial) {
        RunRequest unwatched;
        unwatched.checkers = false;
        trial.wrong_if(digest_of(trial.ran().plan(), unwatched) != trial.ran().summary().digest,
                       "the same plan ran otherwise");
      },
      4);
}

TEST(APlan, PrintedAndReadIsTheSameRun) {
  const Space space = anything();
  hold(
      space,
      [](Trial& trial) {
        const std::string text = print_plan(trial.ran().plan());
        const Result<Plan> again = parse_plan(text, "plan", {}, plan_vocabulary());
        trial.wrong_if(!again.ok(), again.ok() ? "" : again.error().message);
        if (!again.ok()) return;
        trial.wrong_if(print_plan(*again) != text, "it is printed otherwise");
        trial.wrong_if(digest_of(*again) != trial.ran().summary().digest, "it ran otherwise");
      },
      4);
}

// Every draw is keyed by what it is for: what never happens shifts nothing.
TEST(AFault, ThatNeverBeginsShiftsNothing) {
  const Space space = anything();
  hold(
      space,
      [](Trial& trial) {
        Plan more = trial.ran().plan();
        FaultPlan never;
        never.kind = "crash";
        never.target = "any";
        never.trigger.when = "raft.snapshot_installed";
        never.trigger.nth = 1'000'000;
        more.faults.push_back(never);
        trial.wrong_if(digest_of(more) != trial.ran().summary().digest, "it ran otherwise");
      },
      4);
}

}  // namespace
}  // namespace ksim::sim::properties
