#include "sim/history/recorder.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

std::string first_cell(const std::string& path, const std::string& sql) {
  sqlite3* handle = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  std::string cell = "(no row)";
  if (sqlite3_step(statement) == SQLITE_ROW) {
    const auto* text = sqlite3_column_text(statement, 0);
    cell = text == nullptr ? "(null)" : reinterpret_cast<const char*>(text);
  }
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return cell;
}

TEST(Recorder, WritesWhatItWasTold) {
  Recorder recorder;
  const int64_t op = recorder.op({"producer-1", 1, "send", "orders-0", make_record_id(1, 42), -1, Instant{10},
                                  Instant{20}, Outcome::ok, ErrorCode::NONE, 7});
  RecordRow record;
  record.id = make_record_id(1, 42);
  record.session = 1;
  record.partition = "orders-0";
  record.sent_op = op;
  record.acknowledged = Instant{20};
  record.acknowledged_offset = 7;
  record.holders = "1,2";
  record.lost = true;
  recorder.record(record);
  const std::vector<int32_t> isr = {1, 2};
  const Event event{PartitionChanged{"orders", Uuid{1, 2}, 0, 1, 3, 4, isr, {}, false}};
  recorder.event({1, 1, Instant{5}, &event});
  const Event vote{RaftStateChanged{"leader", 2, 1, 1}};
  recorder.event({1, 1, Instant{6}, &vote});
  recorder.fault({"crash", "broker-1", Instant{12}, Instant{15}, "at 12s", "3 connections reset"});
  recorder.violation({"R1", Instant{30}, "orders-0", "gone"});
  recorder.mark({"isr.shrunk", 2, Instant{9}});
  const std::string path = testing::TempDir() + "/recorder_test.sqlite";
  const auto written =
      recorder.write(path, {"leader_crash", 42, "seed = 42", 0xabc, Instant{100}, false, "0.1.0"});
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(first_cell(path, "select digest from run"), "0000000000000abc");
  EXPECT_EQ(first_cell(path, "select count(*) from op"), "1");
  EXPECT_EQ(
      first_cell(path, "select detail from event where name='partition.changed'"),
      R"({"topic":"orders","topic_id":"AAAAAAAAAAEAAAAAAAAAAg","partition":0,"leader":1,"leader_epoch":3,)"
      R"("partition_epoch":4,"isr":[1,2],"elr":[],"unclean":false})");
  EXPECT_EQ(first_cell(
                path, "select what from record_story where record='000001000000002a' order by at_ns limit 1"),
            "producer-1 sent it to orders-0");
  EXPECT_EQ(first_cell(path, "select judgement from acknowledged_but_lost"), "violation");
  EXPECT_EQ(first_cell(path, "select leader from leadership where partition='orders-0'"), "1");
  EXPECT_EQ(first_cell(path, "select count(*) from timeline"), "5");
}

TEST(Recorder, SaysWhyAFileCannotBeMade) {
  const auto written = Recorder{}.write("/nowhere/at/all.sqlite", {});
  ASSERT_FALSE(written.ok());
  EXPECT_NE(written.error().message.find("/nowhere/at/all.sqlite"), std::string::npos);
}

}  // namespace
}  // namespace ksim::sim
