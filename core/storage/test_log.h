#pragma once
// What tests of logs share: batches, a keeper that remembers, and the state of a log as text.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/record/builder.h"
#include "core/record/control.h"
#include "core/storage/log.h"
#include "core/storage/segment.h"
#include "sim/test_world.h"

namespace ksim::storage {

struct TestBatch {
  int32_t records = 1;
  int64_t timestamp_ms = 1000;
  std::string value = "value";
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  int32_t base_sequence = kNoSequence;
  bool transactional = false;
  int64_t base_offset = 0;
  int32_t leader_epoch = kNoLeaderEpoch;
};

inline ByteBuffer make_batch(const TestBatch& spec) {
  BatchOptions options;
  options.base_offset = spec.base_offset;
  options.leader_epoch = spec.leader_epoch;
  options.producer_id = spec.producer_id;
  options.producer_epoch = spec.producer_epoch;
  options.base_sequence = spec.base_sequence;
  options.transactional = spec.transactional;
  BatchBuilder builder(options);
  for (int32_t i = 0; i < spec.records; ++i) {
    RecordInput record;
    record.timestamp_ms = spec.timestamp_ms + i;
    record.value = as_bytes(spec.value);
    builder.append(record);
  }
  return builder.build();
}

inline ByteBuffer make_marker(int64_t producer_id, int16_t epoch, bool commit, int64_t timestamp_ms = 1000,
                              int32_t coordinator_epoch = 0) {
  EndTxnMarkerBatch marker;
  marker.producer_id = producer_id;
  marker.producer_epoch = epoch;
  marker.marker.type = commit ? ControlType::commit : ControlType::abort;
  marker.marker.coordinator_epoch = coordinator_epoch;
  marker.timestamp_ms = timestamp_ms;
  return build_end_txn_marker(marker);
}

// Remembers what it is asked; flushes and removals happen when the test says so.
class TestKeeper final : public LogKeeper {
 public:
  void flush_soon(const std::shared_ptr<Log>& log, int64_t up_to) override {
    flushes.push_back({log, up_to});
  }
  void remove_later(std::vector<std::string> paths, int64_t) override {
    doomed.insert(doomed.end(), paths.begin(), paths.end());
  }
  Result<void> persist_recovery_point(Log& log) override {
    recovery_point = log.recovery_point();
    return {};
  }
  Result<void> persist_log_start(Log& log) override {
    log_start = log.log_start_to_checkpoint().value_or(0);
    return {};
  }
  void disk_failed(Log&, const Error& error) override { failures.push_back(to_string(error)); }

  void run_flushes() {
    for (auto& [log, up_to] : std::exchange(flushes, {})) EXPECT_TRUE(log->flush(up_to).ok());
  }
  std::vector<std::pair<std::shared_ptr<Log>, int64_t>> flushes;
  std::vector<std::string> doomed;
  std::vector<std::string> failures;
  int64_t recovery_point = 0;
  int64_t log_start = 0;
};

// Producers, transactions, epochs and marks: what must not depend on how a log was loaded.
inline std::string state_text(const Log& log) {
  std::string text = "log " + std::to_string(log.log_start_offset()) + ".." +
                     std::to_string(log.log_end_offset()) + "\nepochs";
  for (const EpochEntry& e : log.epoch_entries()) {
    text += " " + std::to_string(e.epoch) + "@" + std::to_string(e.start_offset);
  }
  for (const auto& [id, entry] : log.producers().producers()) {
    text += "\nproducer " + std::to_string(id) + " epoch " + std::to_string(entry.epoch) + " coordinator " +
            std::to_string(entry.coordinator_epoch) + " last " + std::to_string(entry.last_sequence()) +
            " at " + std::to_string(entry.last_batch() == nullptr ? -1 : entry.last_batch()->last_offset) +
            " txn " + std::to_string(entry.txn_first_offset) + " time " +
            std::to_string(entry.last_timestamp_ms);
  }
  return text;
}

inline std::vector<uint8_t> bytes_of(const LogRead& read) {
  std::vector<uint8_t> bytes;
  for (const FileSlice& slice : read.slices) {
    const auto part = read_slice(slice);
    EXPECT_TRUE(part.ok());
    if (part.ok()) bytes.insert(bytes.end(), part->begin(), part->end());
  }
  return bytes;
}

// Runs `body` on a simulated node and reports what broke there.
inline void on_node(uint64_t seed, const std::function<void(Env&)>& body) {
  sim::TestWorld world(seed);
  EXPECT_TRUE(world.run("node", body));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
}

}  // namespace ksim::storage
