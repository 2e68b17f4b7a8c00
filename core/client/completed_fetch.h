#pragma once
// The records of one partition out of one fetch, given out step by step (rules G40, G47, G48). Pure.

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/client/config.h"
#include "core/client/consumer_types.h"

namespace ksim::client {

struct AbortedRange {
  int64_t producer_id = 0;
  int64_t first_offset = 0;
};

class CompletedFetch {
 public:
  struct Source {
    TopicPartition partition;
    int64_t fetch_offset = 0;
    int32_t leader_epoch = -1;  // in which they were asked for; -1: not known
    ErrorCode error = ErrorCode::NONE;
    Bytes records;
    std::shared_ptr<const void> frame;  // what `records` points into
    std::vector<AbortedRange> aborted;
    int64_t high_watermark = -1;
    int64_t last_stable_offset = -1;
    int64_t log_start_offset = -1;
    int32_t preferred_read_replica = -1;
  };
  CompletedFetch(Source source, IsolationLevel isolation, bool check_crcs);

  const Source& source() const { return source_; }
  const TopicPartition& partition() const { return source_.partition; }
  // Where the next fetch goes on: behind everything given out or skipped.
  int64_t next_offset() const { return next_offset_; }
  std::optional<int32_t> last_epoch() const { return last_epoch_; }
  bool consumed() const { return consumed_; }
  bool gave_records() const { return given_ > 0; }
  // Bytes came, but no complete batch (a broker that breaks rule D29).
  bool has_only_a_fragment() const;
  bool checked = false;  // its start was compared with the position (rule G44)

  // Copies at most `most` records to `out`. A batch or record that is damaged fails, once everything before
  // it was given out, and again with every call after that; next_offset() stays in front of it.
  Result<int32_t> take(ConsumerRecords& out, int32_t most);
  void drain() { consumed_ = true; }

 private:
  Result<bool> next_batch();
  Result<bool> is_visible();
  void abort_started_by(int64_t offset);

  Source source_;
  IsolationLevel isolation_;
  bool check_crcs_;
  BatchCursor batches_;
  std::optional<BatchView> batch_;
  std::optional<RecordCursor> records_;
  std::set<int64_t> aborted_producers_;
  size_t next_aborted_ = 0;
  int64_t next_offset_;
  std::optional<int32_t> last_epoch_;
  std::optional<Error> failure_;
  int64_t given_ = 0;
  bool consumed_ = false;
};

}  // namespace ksim::client
