#pragma once
// What a log knows beside its batches: what loading and truncation have to get right (S2). An event carries a
// pointer to it, so that nothing is gathered unless somebody asks.

#include <cstdint>
#include <vector>

namespace ksim {

struct LogFacts {
  struct Epoch {
    int32_t epoch = -1;
    int64_t start_offset = -1;
  };
  struct Producer {
    int64_t producer_id = -1;
    int16_t epoch = -1;
    int32_t last_sequence = -1;  // -1: no batch since the epoch began
    int64_t last_offset = -1;    // of that batch
    int64_t last_timestamp_ms = -1;
    int64_t txn_first_offset = -1;  // of the open transaction; -1: none
  };
  // The sparse indexes of a segment, as lookups go through them.
  struct Position {
    int64_t offset = -1;
    int64_t position = -1;  // of a batch; all before it lie below the offset
  };
  struct Time {
    int64_t timestamp_ms = -1;
    int64_t offset = -1;  // all before its batch are older
  };
  struct Indexes {
    int64_t base_offset = 0;
    bool in_memory = false;  // false: the files have all of it, and nothing of it is here
    std::vector<Position> positions;
    std::vector<Time> times;
    int64_t largest_timestamp_ms = -1;
  };
  int64_t start_offset = 0;
  int64_t end_offset = 0;
  int64_t first_segment = 0;
  std::vector<Epoch> epochs;        // rising
  bool tracks_producers = false;    // false for the metadata log
  std::vector<Producer> producers;  // by id
  // Without an open transaction a producer whose last timestamp is before this may have been forgotten.
  int64_t expired_before_ms = 0;
  int64_t high_watermark = 0;
  std::vector<Indexes> indexes;  // of each segment, oldest first
};

class LogKnowledge {
 public:
  virtual LogFacts facts() const = 0;

 protected:
  ~LogKnowledge() = default;
};

}  // namespace ksim
