#pragma once
// What comes out of a consumer.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/record/batch.h"
#include "core/wire/arena.h"

namespace ksim::client {

// A view into the ConsumerRecords it is part of.
struct ConsumerRecord {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = kNoTimestamp;
  TimestampType timestamp_type = TimestampType::create_time;
  std::optional<int32_t> leader_epoch;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const RecordHeader> headers;
};

// Records with the memory they are in: copies of what was fetched, so that a slow application holds no
// frames. Moving leaves the records valid.
class ConsumerRecords {
 public:
  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  auto begin() const { return records_.begin(); }
  auto end() const { return records_.end(); }
  const ConsumerRecord& operator[](size_t index) const { return records_[index]; }

  std::string_view copy_topic(std::string_view topic) { return as_text(copy(as_bytes(topic))); }
  // `record` is copied; `topic` must come from copy_topic().
  void add(std::string_view topic, int32_t partition, const BatchView& batch, const RecordView& record);

 private:
  Bytes copy(Bytes bytes);

  wire::Arena arena_;
  std::vector<ConsumerRecord> records_;
};

}  // namespace ksim::client
