// In which order, and how often, records stand in the log. A record's number begins with its producer's
// session and goes up with each send.

#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"

namespace ksim::sim::properties {
namespace {

// Of the leader's log, or whichever replica's: they agree.
constexpr const char* kTwiceOrOutOfOrder =
    "SELECT partition, node, offset, record, before FROM (SELECT *, lag(record) OVER (PARTITION BY "
    "partition, node,"
    " substr(record, 1, 6) ORDER BY offset) AS before FROM log_at_end WHERE record IS NOT NULL) WHERE before "
    ">= record";

TEST(Idempotence, NeitherDuplicatesNorReorders) {
  Space space;
  space.producers("max.in.flight.requests.per.connection", {"5", "2", "1"});
  space.producers("request.timeout.ms", {"800", "150"}).producers("delivery.timeout.ms", {"60000", "1000"});
  space.kills({"leader(orders-0)", "any", "all"}).troubles({"leader(orders-0)", "any"});
  space.fault("power_loss", {"leader(orders-0)", "any", "all"}).fault("wipe_disk", {"any broker"}).on_marks();
  space.most_faults(6);
  hold(
      space,
      [](Trial& trial) {
        trial.none("a record stands in a log twice, or behind a later one of its producer",
                   kTwiceOrOutOfOrder);
      },
      6);
}

TEST(OneInFlight, KeepsTheOrderWithoutIdempotence) {
  Space space;
  space.producers("enable.idempotence", {"false"}).producers("acks", {"all", "1"});
  space.producers("max.in.flight.requests.per.connection", {"1"});
  space.kills({"leader(orders-0)", "any", "producer-1"}).troubles({"leader(orders-0)"}).on_marks();
  space.trim([](Plan& plan) {
    for (FaultPlan& fault : plan.faults)
      if (fault.target == "producer-1") fault.kind = "pause";
  });
  hold(space, [](Trial& trial) {
    // Where each record stands first; a batch that was sent again may stand behind later ones as well.
    trial.none(
        "a record stands first behind a later one of its producer",
        "SELECT partition, first, record, before FROM (SELECT *, max(record) OVER (PARTITION BY partition,"
        " substr(record, 1, 6) ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
        "FROM"
        " (SELECT partition, record, min(offset) AS first FROM log_at_end WHERE record IS NOT NULL GROUP BY"
        " partition, record)) WHERE before > record");
  });
}

// What is sent after another one was acknowledged stands behind it, whoever sent them.
TEST(AcksAll, IsAppendedBeforeWhatIsSentLater) {
  Space space;
  space.knob("interval", {"100ms", "60ms"}, [](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) one.interval = milliseconds(word == "60ms" ? 60 : 100);
  });
  space.knob("burst", {"1", "2"}, [](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) one.burst = word == "2" ? 2 : 1;
  });
  space.kills({"leader(orders-0)", "any", "controller"}).troubles({"leader(orders-0)"}).on_marks();
  hold(space, [](Trial& trial) {
    trial.none(
        "a record stands before one that was acknowledged when it was sent",
        "SELECT a.record, a.offset, b.record, b.offset FROM op a JOIN op b ON a.partition = b.partition AND"
        " a.completed_ns < b.invoked_ns AND a.offset >= b.offset WHERE a.kind = 'send' AND b.kind = 'send' "
        "AND"
        " a.outcome = 'ok' AND b.outcome = 'ok'");
  });
}

TEST(ProducerIds, BelongToOneProducer) {
  Space space;
  space.controllers({"1", "3"});
  space.knob("renew_every", {"0", "1", "5"}, [](Plan& plan, const std::string& word) {
    for (ProducerPlan& one : plan.producers) one.renew_every = static_cast<uint32_t>(word[0] - '0');
  });
  space.kills({"controller", "any", "leader(orders-0)"})
      .fault("power_loss", {"controller", "controllers"})
      .on_marks();
  hold(space, [](Trial& trial) {
    trial.none("two producers were given the same id",
               "SELECT producer_id, min(record), max(record) FROM log_at_end WHERE producer_id >= 0 AND "
               "record IS NOT"
               " NULL GROUP BY producer_id HAVING min(substr(record, 1, 6)) <> max(substr(record, 1, 6))");
    trial.saw("several producer ids",
              trial.ran().number("SELECT count(DISTINCT producer_id) FROM log_at_end WHERE"
                                 " producer_id >= 0") -
                  1);
  });
}

TEST(LogAppendTime, GoesForwardWithTheOffsets) {
  Space space;
  space.topic("message.timestamp.type", {"LogAppendTime"});
  space.kills({"leader(orders-0)", "any"}).troubles({"any"}).on_marks();
  hold(space, [](Trial& trial) {
    trial.none("a record has an earlier time than one before it",
               "SELECT partition, node, offset, timestamp_ms, before FROM (SELECT *, lag(timestamp_ms) OVER "
               "(PARTITION"
               " BY partition, node ORDER BY offset) AS before FROM log_at_end WHERE record IS NOT NULL)"
               " WHERE before > timestamp_ms");
    trial.saw("records", trial.ran().number("SELECT count(*) FROM log_at_end WHERE record IS NOT NULL"));
  });
}

}  // namespace
}  // namespace ksim::sim::properties
