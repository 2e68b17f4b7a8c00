#include "sim/history/recorder.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

std::string first_cell(std::string image, const std::string& sql) {
  sqlite3* handle = nullptr;
  EXPECT_EQ(sqlite3_open(":memory:", &handle), SQLITE_OK);
  const auto size = static_cast<sqlite3_int64>(image.size());
  EXPECT_EQ(sqlite3_deserialize(handle, "main", reinterpret_cast<unsigned char*>(image.data()), size, size,
                                SQLITE_DESERIALIZE_READONLY),
            SQLITE_OK);
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
  recorder.violation(
      {"R1", Instant{30}, "orders-0", "gone", "nothing is lost", record.id, 7, {"first", "then"}});
  recorder.mark({"isr.shrunk", 2, Instant{9}});
  recorder.message(
      {Instant{1}, Instant{3}, "producer-1", "broker-1", 9, "Produce", 4, 100, 11, false, false});
  recorder.message({Instant{4}, std::nullopt, "broker-1", "producer-1", 9, "Produce", 4, 50, 11, true, true});
  const Result<std::string> image =
      recorder.image({"leader_crash", 42, "seed = 42", 0xabc, Instant{100}, false, "0.1.0"});
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(first_cell(*image, "select fate from call where api = 'Produce'"), "response dropped");
  EXPECT_EQ(first_cell(*image, "select dropped from traffic where sender = 'broker-1'"), "1");
  EXPECT_EQ(first_cell(*image, "select story from violation"), "first\nthen");
  EXPECT_EQ(first_cell(*image, "select digest from run"), "0000000000000abc");
  EXPECT_EQ(first_cell(*image, "select count(*) from op"), "1");
  EXPECT_EQ(
      first_cell(*image, "select detail from event where name='partition.changed'"),
      R"({"topic":"orders","topic_id":"AAAAAAAAAAEAAAAAAAAAAg","partition":0,"leader":1,"leader_epoch":3,)"
      R"("partition_epoch":4,"isr":[1,2],"elr":[],"unclean":false})");
  EXPECT_EQ(
      first_cell(*image,
                 "select what from record_story where record='000001000000002a' order by at_ns limit 1"),
      "producer-1 sent it to orders-0");
  EXPECT_EQ(first_cell(*image, "select judgement from acknowledged_but_lost"), "violation");
  EXPECT_EQ(first_cell(*image, "select leader from leadership where partition='orders-0'"), "1");
  EXPECT_EQ(first_cell(*image, "select count(*) from timeline"), "5");
}

}  // namespace
}  // namespace ksim::sim
