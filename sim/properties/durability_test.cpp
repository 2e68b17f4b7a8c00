// What was acknowledged is there in the end.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"

namespace ksim::sim::properties {
namespace {

constexpr const char* kNotInTheLog =
    "SELECT id, partition, acknowledged_offset FROM record WHERE acknowledged_ns IS NOT NULL AND "
    "committed_offset IS NULL";
// The end that counts: a reader who begins when all is healed.
constexpr const char* kNotHandedOut =
    "SELECT record, partition, offset FROM op WHERE kind = 'send' AND outcome = 'ok'"
    " AND record NOT IN (SELECT record FROM op WHERE kind = 'read' AND client = 'late' AND record IS NOT "
    "NULL)";

void nothing_is_lost(Trial& trial) {
  trial.none("a record was acknowledged and is not in the log", kNotInTheLog);
  trial.none("a record was acknowledged, and who reads all later is not handed it", kNotHandedOut);
}

// A process that died takes its broker out of ISR and ELR, as if its disk had lost something (KIP-966): of
// both together there are so many at most.
void keep_unclean_stops(Plan& plan, int32_t most) {
  std::erase_if(plan.faults, [&](const FaultPlan& fault) {
    return (fault.kind == "wipe_disk" || fault.kind == "crash") && most-- <= 0;
  });
}

TEST(AcksAll, SurvivesFewerLostDisksThanMinInsyncReplicas) {
  Space space;
  space.sizes({"2/2/2", "3/3/2", "3/3/3", "4/4/3", "4/3/2"});
  space.fault("wipe_disk", {"leader(orders-0)", "follower(orders-0)", "any broker"});
  space.kills({"leader(orders-0)", "follower(orders-0)", "controller", "any"});
  space.trim([](Plan& plan) { keep_unclean_stops(plan, min_insync_of(plan) - 1); });
  hold(space, [](Trial& trial) {
    nothing_is_lost(trial);
    trial.saw("a lost disk",
              trial.ran().number("SELECT count(*) FROM fault WHERE kind = 'wipe_disk' AND took_effect"));
  });
}

TEST(AcksAll, SurvivesWhateverDestroysNothing) {
  Space space;
  space.producers("enable.idempotence", {"true", "false"});
  space.kills({"leader(orders-0)", "any", "controller", "all"})
      .troubles({"leader(orders-0)", "any"})
      .on_marks();
  space.most_faults(6);
  hold(space, nothing_is_lost, 6);
}

TEST(AcksAll, FlushingEachMessageSurvivesPowerLossOfAllNodes) {
  Space space;
  space.sizes({"1/1/1", "2/2/1", "3/3/1"}).topic("flush.messages", {"1"});
  space.fault("power_loss", {"all", "brokers"}).on_marks();
  space.trim([](Plan& plan) {
    for (FaultPlan& fault : plan.faults) fault.target = "all";
  });
  hold(space, nothing_is_lost);
}

TEST(AcksAll, SurvivesPowerLossOfAllNodesThatWereStoppedInOrder) {
  Space space;
  space.sizes({"1/1/1", "2/2/1", "3/3/1", "3/3/2"});
  space.fault("stop", {"brokers"}).most_faults(1);
  space.trim([](Plan& plan) {
    for (FaultPlan& stop : plan.faults) {
      stop.lasts = seconds(6);
      plan.duration = *stop.trigger.at + seconds(5);
    }
    if (plan.faults.empty()) return;
    FaultPlan power_loss = plan.faults.front();
    power_loss.kind = "power_loss";
    power_loss.trigger.at = *power_loss.trigger.at + seconds(4);  // they have stopped by then
    power_loss.lasts = milliseconds(100);
    plan.faults.push_back(power_loss);
  });
  hold(space, [](Trial& trial) {
    nothing_is_lost(trial);
    trial.saw("a machine that lost power with its process down",
              trial.ran().number("SELECT count(*) FROM fault WHERE effect LIKE '%whose process was down%'"));
  });
}

// A leader that stays the only one keeps all that it has acknowledged.
TEST(AcksOne, LosesNothingWithoutAnotherLeader) {
  Space space;
  space.sizes({"1/1/1", "2/2/1", "3/3/1", "3/3/2"})
      .producers("acks", {"1"})
      .producers("enable.idempotence", {"false"});
  space.fault("wipe_disk", {"follower(orders-0)"}).fault("power_loss", {"follower(orders-0)"});
  space.kills({"follower(orders-0)", "controller"}).fault("crash", {"leader(orders-0)"});
  space.fault("suspend", {"leader(orders-0)"});
  hold(space, [](Trial& trial) {
    // Disks are lost of those that follow in the first partition; they may lead another one.
    trial.none("a record was acknowledged by the only leader there was, and is not in the log",
               "SELECT id, partition, acknowledged_offset FROM record WHERE acknowledged_ns IS NOT NULL"
               " AND committed_offset IS NULL AND partition IN (SELECT partition FROM partition_state"
               " WHERE leader >= 0 GROUP BY partition HAVING count(DISTINCT leader) = 1)"
               " AND NOT EXISTS (SELECT 1 FROM partition_state s JOIN fault f ON f.kind IN ('wipe_disk', "
               "'power_loss')"
               " AND f.target LIKE '%' || s.leader || '%' WHERE s.partition = record.partition)");
    trial.saw(
        "a partition with one leader",
        trial.ran().number("SELECT count(*) FROM (SELECT 1 FROM partition_state WHERE leader >= 0 GROUP BY"
                           " partition HAVING count(DISTINCT leader) = 1)"));
  });
}

TEST(AcksZero, LosesNothingWithoutFaults) {
  Space space;
  space.producers("acks", {"0"}).producers("enable.idempotence", {"false"});
  // A leader that has not heard yet that it leads a new topic refuses, and nobody is told.
  space.trim([](Plan& plan) {
    for (ProducerPlan& producer : plan.producers) producer.starts = milliseconds(800);
  });
  hold(space, [](Trial& trial) {
    trial.none("a record was sent and is not in the log",
               "SELECT id, partition FROM record WHERE committed_offset IS NULL");
  });
}

TEST(Acknowledged, AtTheOffsetThatWasTold) {
  Space space;
  space.producers("acks", {"all", "1"}).producers("enable.idempotence", {"false", "true"});
  space.trim([](Plan& plan) {
    for (ProducerPlan& producer : plan.producers)
      if (producer.config["acks"] != "all") producer.config["enable.idempotence"] = "false";
  });
  space.kills({"any", "leader(orders-0)"}).troubles({"leader(orders-0)"}).on_marks();
  hold(space, [](Trial& trial) {
    // Sent again without idempotence, it may stand in the log twice; what was told is where one of them is.
    trial.none("a record is not where its producer was told",
               "SELECT r.id, r.partition, r.acknowledged_offset, r.committed_offset FROM record r WHERE"
               " r.acknowledged_offset >= 0 AND r.committed_offset IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
               "log_at_end l"
               " WHERE l.partition = r.partition AND l.offset = r.acknowledged_offset AND l.record = r.id)");
  });
}

// When acks=all is answered, min.insync.replicas disks hold the record.
TEST(AcksAll, IsToldWhenMinInsyncReplicasHoldIt) {
  Space space;
  space.sizes({"2/2/2", "3/3/2", "3/3/3", "4/3/2"});
  space.kills({"follower(orders-0)", "leader(orders-0)", "any broker"})
      .troubles({"follower(orders-0)"})
      .on_marks();
  hold(space, [](Trial& trial) {
    const int32_t least = min_insync_of(trial.ran().plan());
    trial.none(
        "fewer than min.insync.replicas disks held a record when it was acknowledged",
        fmt::format(
            "SELECT id, partition, acknowledged_offset, holders FROM record WHERE acknowledged_ns IS NOT"
            " NULL AND length(coalesce(holders, '')) - length(replace(coalesce(holders, ''), ',', '')) < {}",
            least - 1));
  });
}

TEST(Refused, IsInNoLog) {
  Space space;
  space.sizes({"2/2/2", "3/3/2", "3/3/3"}).topic("max.message.bytes", {"", "250"});
  space.producers("delivery.timeout.ms", {"1000", "400"}).producers("request.timeout.ms", {"300"});
  space.producers("enable.idempotence", {"false", "true"}).producers("retries", {"", "1"});
  space.producers("batch.size", {"", "2000"}).producers("linger.ms", {"0", "30"});
  space.kills({"follower(orders-0)", "leader(orders-0)"}).troubles({"any broker"});
  hold(space, [](Trial& trial) {
    trial.none("a record was said to be certainly not written, and stands in a log",
               "SELECT record, partition FROM op WHERE kind = 'send' AND outcome = 'failed' AND record IN"
               " (SELECT record FROM log_at_end WHERE record IS NOT NULL)");
    trial.none("a record was said to be certainly not written, and was read",
               "SELECT record, partition FROM op WHERE kind = 'send' AND outcome = 'failed' AND record IN"
               " (SELECT record FROM op WHERE kind = 'read' AND record IS NOT NULL)");
    trial.saw("a refused record", static_cast<int64_t>(trial.ran().summary().counts.failed));
  });
}

}  // namespace
}  // namespace ksim::sim::properties
