#pragma once
// What a run was, in numbers and lines: made by the RunObserver, shown by report.h.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "sim/history/recorder.h"

namespace ksim::sim {

struct TimelineEntry {
  Instant at;
  std::string kind;  // fault, healed, leader, unclean, controller, quorum, broker, truncation
  std::string subject;
  std::string text;
};

struct BrokerThroughput {
  int32_t node = 0;
  std::vector<uint32_t> records_per_bucket;  // appended as leader
};

struct PartitionSummary {
  std::string name;
  uint64_t acknowledged = 0;
  uint64_t committed = 0;
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  Duration unavailable{0};  // sends waited over a second while none was acknowledged, or ever was
  Duration longest{0};      // the longest of these waits
  uint32_t interruptions = 0;
};

struct RunCounts {
  uint64_t sent = 0;
  uint64_t acknowledged = 0;
  uint64_t failed = 0;     // definite
  uint64_t unknown = 0;    // timeout, disconnect
  uint64_t read = 0;       // records handed to applications
  uint64_t batches = 0;    // committed in the topics' logs
  uint64_t lost = 0;       // acknowledged, and neither committed at the end nor held by who led last
  uint64_t permitted = 0;  // of these, where the contract permits it
  // In the topics' committed logs at the end: records beyond the first one of each send, and those that first
  // appear behind a later send of their session to the partition.
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t unavailable_ms = 0;  // of all partitions together, see PartitionSummary
  uint64_t faults = 0;          // that took effect
  uint64_t elections = 0;       // partition leaders
  uint64_t unclean_elections = 0;
  uint64_t truncations = 0;
  uint64_t isr_changes = 0;
  uint64_t quorum_elections = 0;
  uint64_t forged = 0;  // requests of raw drivers whose answers were judged
};

struct CheckerSummary {
  std::string code;
  std::string text;
  bool held = true;
};

// An acknowledged record that is lost in the end, as RunCounts says.
struct LostRecord {
  RecordId record = 0;
  std::string client;
  std::string partition;
  Instant acknowledged;
  int64_t offset = -1;  // -1: it was told none (acks=0)
  std::string holders;  // nodes whose disks held it when it was acknowledged, "1,2,3"
  bool permitted = false;
};

struct RunSummary {
  std::string scenario;
  uint64_t seed = 0;
  std::string repeat;  // the command that repeats the run
  uint64_t digest = 0;
  bool verified = false;  // two processes did the same
  Instant ended;
  Duration real{0};
  uint64_t events = 0;  // resumes, deliveries and timers of the simulator
  Duration bucket = seconds(1);
  RunCounts counts;
  std::vector<TimelineEntry> timeline;
  std::vector<BrokerThroughput> throughput;
  std::vector<PartitionSummary> partitions;
  std::vector<FaultRow> faults;
  std::vector<CheckerSummary> checkers;  // empty with --no-checkers
  std::vector<ViolationRow> violations;
  std::vector<LostRecord> losses;  // the first ones, in the order of their ids
  std::vector<MarkRow> marks;
  std::vector<uint16_t> situations;  // situations.h
  std::string recording;             // the bytes of an sqlite file, if the run was recorded
  std::string simulator_fault;       // not empty: the simulator itself failed

  bool holds() const { return violations.empty(); }
};

}  // namespace ksim::sim
