// What readers are handed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"

namespace ksim::sim::properties {
namespace {

// Each read beside the one before it of the same reader; without transactions there is a record at each
// offset.
constexpr const char* kNotTheNext =
    "SELECT client, partition, before, offset FROM (SELECT *, lag(offset) OVER (PARTITION BY client, session,"
    " partition ORDER BY id) AS before FROM op WHERE kind = 'read') WHERE offset <> before + 1";

Space clients_in_trouble() {
  Space space;
  space.kills({"leader(orders-0)", "any", "all"}).troubles({"leader(orders-0)", "any"}).on_marks();
  for (const char* kind : {"pause", "suspend", "reset", "clog"}) space.fault(kind, {"early", "producer-1"});
  return space.most_faults(6);
}

TEST(AReader, NeverGoesBackNorSkips) {
  const Space space = clients_in_trouble();
  hold(
      space,
      [](Trial& trial) {
        trial.none("a reader was not handed the record after the one before", kNotTheNext);
        trial.none("a reader from the first record on did not begin there",
                   "SELECT client, partition, min(offset) FROM op WHERE kind = 'read' GROUP BY client, "
                   "session, partition"
                   " HAVING min(offset) > 0");
        trial.none("a reader was reset",
                   "SELECT client, partition, offset FROM op WHERE kind IN ('reset', 'seek')");
      },
      6);
}

TEST(AReader, SeesWhatEveryOtherOneSees) {
  const Space space = clients_in_trouble();
  hold(space, [](Trial& trial) {
    trial.none("two records were read at one offset",
               "SELECT partition, offset, min(record), max(record) FROM op WHERE kind = 'read' GROUP BY "
               "partition, offset"
               " HAVING min(record) <> max(record)");
    trial.none("a record that was read is in no log",
               "SELECT client, partition, offset, record FROM op WHERE kind = 'read' AND record NOT IN"
               " (SELECT record FROM log_at_end WHERE record IS NOT NULL)");
  });
}

TEST(TheEnd, NeverStepsBackForAReader) {
  const Space space = clients_in_trouble();
  hold(space, [](Trial& trial) {
    trial.none(
        "ListOffsets told of an end before one that the reader knew",
        "SELECT client, partition, ends, known FROM (SELECT *, max(ends) OVER (PARTITION BY client, session,"
        " partition ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS known FROM (SELECT *, "
        "offset"
        " + (kind = 'read') AS ends FROM op WHERE kind = 'read' OR (kind = 'list_offsets' AND outcome = "
        "'ok')))"
        " WHERE kind = 'list_offsets' AND ends < known");
    trial.saw("an answer of ListOffsets",
              trial.ran().number("SELECT count(*) FROM op WHERE kind = 'list_offsets' AND offset > 0"));
  });
}

// What is deleted on purpose, and nothing else, is missing at a log's begin.
TEST(DeleteRecords, DeletesWhatWasAskedForAndNothingElse) {
  Space space;
  space.knob("admin", {"300ms", "150ms"}, [](Plan& plan, const std::string& word) {
    AdminPlan admin;
    admin.name = "admin-1";
    admin.topic = "orders";
    admin.interval = milliseconds(word == "300ms" ? 300 : 150);
    admin.calls = {"delete_records"};
    plan.admins.push_back(admin);
  });
  space.kills({"leader(orders-0)", "any broker"});
  space.topic("flush.messages", {"1"}).fault("power_loss", {"all"});
  hold(space, [](Trial& trial) {
    // No offset: all there are, or no answer.
    trial.none(
        "a record is missing that nobody wanted deleted",
        "SELECT partition, min(offset) AS first FROM op r WHERE kind = 'read' AND client = 'late' GROUP BY"
        " partition HAVING first > coalesce((SELECT max(offset) FROM op d WHERE d.kind = 'delete_records' AND"
        " d.partition = r.partition), 0) AND NOT EXISTS (SELECT 1 FROM op d WHERE d.kind = 'delete_records' "
        "AND"
        " d.partition = r.partition AND d.offset IS NULL)");
    trial.none(
        "a record was read later whose deletion was acknowledged",
        "SELECT * FROM (SELECT partition, min(offset) AS first, min(completed_ns) AS begun FROM op WHERE "
        "kind = "
        "'read' AND client = 'late' GROUP BY partition) r WHERE first < (SELECT max(offset) FROM op d WHERE "
        "d.kind = 'delete_records' AND d.outcome = 'ok' AND d.partition = r.partition AND d.completed_ns < "
        "begun - 500000000)");
    trial.none("a log's begin went back",
               "SELECT subject, node, start, before FROM (SELECT *, lag(start) OVER (PARTITION BY subject, "
               "node ORDER BY"
               " id) AS before FROM (SELECT *, json_extract(detail, '$.start_offset') AS start FROM event "
               "WHERE name ="
               " 'log.start_moved')) WHERE before > start");
    trial.saw("deleted records",
              trial.ran().number("SELECT count(*) FROM op WHERE kind = 'delete_records' AND outcome"
                                 " = 'ok'"));
  });
}

// Whatever a reader has to skip was old enough.
TEST(Retention, TakesNoRecordBeforeItsTime) {
  constexpr int64_t kKeptMs = 700;
  Space space;
  space.topic("retention.ms", {std::to_string(kKeptMs)}).topic("segment.ms", {"300", "100"});
  space.cluster("log.retention.check.interval.ms", {"200"}).cluster("log.initial.task.delay.ms", {"100"});
  space.knob("slow reader", {"1s", "2s"}, [](Plan& plan, const std::string& word) {
    plan.consumers.front().interval = seconds(word == "1s" ? 1 : 2);
    plan.consumers.front().config["max.poll.records"] = "5";
    ConsumerPlan middle = plan.consumers.back();
    middle.name = "middle";
    middle.starts = milliseconds(1500);
    plan.consumers.push_back(middle);
  });
  space.kills({"leader(orders-0)", "any broker"});
  hold(space, [=](Trial& trial) {
    trial.none(
        "a reader skipped a record that was young enough to be there",
        fmt::format(
            "SELECT client, j.partition, offset, record.id, (at_ns - invoked_ns) / 1000000 AS age_ms FROM"
            " (SELECT * FROM (SELECT client, partition, offset, completed_ns AS at_ns, coalesce(lag(offset) "
            "OVER"
            " (PARTITION BY client, session, partition ORDER BY id), -1) AS before FROM op WHERE kind ="
            " 'read') WHERE offset > before + 1) j JOIN record ON record.partition = j.partition AND "
            "record.acknowledged_offset > before"
            " AND record.acknowledged_offset < offset JOIN (SELECT id AS send, invoked_ns FROM op) ON send ="
            " sent_op WHERE age_ms < {}",
            kKeptMs));
    trial.saw("a deletion by retention",
              trial.ran().number("SELECT count(*) FROM event WHERE name = 'log.start_moved'"));
  });
}

}  // namespace
}  // namespace ksim::sim::properties
