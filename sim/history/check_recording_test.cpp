#include "sim/history/check_recording.h"

#include <gtest/gtest.h>

#include "sim/history/recorder.h"

namespace ksim::sim {
namespace {

std::string recording() {
  Recorder recorder;
  const int64_t op = recorder.op({"producer-1", 1, "send", "orders-0", make_record_id(1, 42), -1, Instant{10},
                                  Instant{20}, Outcome::ok, ErrorCode::NONE, 7});
  RecordRow record;
  record.id = make_record_id(1, 42);
  record.session = 1;
  record.partition = "orders-0";
  record.sent_op = op;
  record.holders = "1,2";
  recorder.record(record);
  const std::vector<int32_t> isr = {1, 2};
  const Event event{PartitionChanged{"orders", Uuid{1, 2}, 0, 1, 3, 4, isr, {}, false}};
  recorder.event({1, 1, Instant{5}, &event});
  return recorder.image({"storm", 42, "", 0xabc, Instant{100}, true, "0.1.0"}).value();
}

// What is said of the recording after this change of it.
std::string said_after(const std::string& change) {
  Database database = Database::copy(recording()).value();
  const Result<void> changed = database.run(change);
  EXPECT_TRUE(changed.ok()) << changed.error().message;
  const Result<void> checked = check_recording(database);
  if (checked.ok()) return "";
  EXPECT_EQ(checked.error().code, ErrorCode::INVALID_REQUEST);
  return checked.error().message;
}

TEST(CheckRecording, HoldsOfWhatTheRecorderWrites) {
  EXPECT_EQ(said_after("SELECT 1"), "");
  Database database = Database::open(recording()).value();
  EXPECT_TRUE(is_recorded_run(database).value());
}

TEST(CheckRecording, NamesPlaceAndFinding) {
  EXPECT_EQ(
      said_after("UPDATE partition_state SET isr = 'x,y'"),
      "table partition_state, column isr, row 1: expected ids of nodes such as \"1,2,3\", found \"x,y\"");
  EXPECT_EQ(
      said_after("UPDATE op SET invoked_ns = 'soon'"),
      "table op, column invoked_ns, row 1: expected a number from 0 to 1000000000000000000, found \"soon\"");
  EXPECT_EQ(said_after("UPDATE record SET id = 'zz'"),
            "table record, column id, row 1: expected a record's id, 16 hex digits, found \"zz\"");
  EXPECT_EQ(said_after("UPDATE event SET detail = '[1]'"),
            "table event, column detail, row 1: expected a JSON object, found \"[1]\"");
  EXPECT_EQ(said_after("UPDATE event SET detail = '{'"),
            "table event, column detail, row 1: expected a JSON object, found \"{\"");
}

TEST(CheckRecording, RefusesWhatAReaderCouldNotTake) {
  for (const char* change :
       {"UPDATE op SET completed_ns = -1", "UPDATE op SET completed_ns = 9223372036854775807",
        "UPDATE partition_state SET leader = 99999999999", "UPDATE partition_state SET elr = '1,,2'",
        "UPDATE partition_state SET elr = '1,'", "UPDATE partition_state SET isr = '12345678901'",
        "UPDATE record SET holders = '-1'", "UPDATE record SET lost = 1.5", "UPDATE run SET scenario = x'00'",
        "UPDATE event SET detail = '{\"isr\":[1.5]}'", "UPDATE event SET detail = '{\"isr\":[\"a\"]}'",
        "UPDATE event SET detail = '{\"offset\":9223372036854775807}'",
        "UPDATE event SET detail = '{\"of\":{\"another\":1}}'"})
    EXPECT_NE(said_after(change), "") << change;
}

TEST(CheckRecording, LeavesWhatIsNotThereToItsReaders) {
  EXPECT_EQ(said_after("DROP TABLE batch; ALTER TABLE op DROP COLUMN acks; CREATE TABLE more (x)"), "");
  Database database = Database::copy(recording()).value();
  ASSERT_TRUE(database.run("DROP TABLE message").ok());
  EXPECT_FALSE(is_recorded_run(database).value());
  EXPECT_FALSE(has_table(database, "message").value());
}

}  // namespace
}  // namespace ksim::sim
