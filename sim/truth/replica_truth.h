#pragma once
// The truth of one replica: what the segment files on a node's simulated disk hold of a partition, read
// from their bytes and never from what the node says of itself. Reading is incremental: events tell where
// to look again.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "sim/history/facts.h"

namespace ksim::sim {

// Reads a node's disk without being part of the run. `cached` is what the node would read now, `durable`
// what a power loss at this moment certainly leaves. Where the device has changed bytes by itself, both show
// what was written: a node that hands such bytes on is seen to have others than it wrote.
class DiskPeek {
 public:
  enum class Layer : uint8_t { cached, durable };
  virtual ~DiskPeek() = default;
  virtual std::vector<std::string> list(int32_t node, std::string_view directory, Layer layer) const = 0;
  virtual std::optional<uint64_t> size(int32_t node, std::string_view path, Layer layer) const = 0;
  // The count read; short at the end of the file.
  virtual size_t read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into,
                      Layer layer) const = 0;
  // The device has changed some of these bytes by itself, whatever stands there now.
  virtual bool was_damaged(int32_t node, std::string_view path, uint64_t offset, uint64_t size_bytes) const {
    static_cast<void>(node), static_cast<void>(path), static_cast<void>(offset),
        static_cast<void>(size_bytes);
    return false;
  }
};

// One record as its bytes stand in a log.
struct TruthRecord {
  int64_t offset = 0;
  RecordId id = 0;            // 0: not a workload's record
  uint64_t content_hash = 0;  // of key, value and headers
  int64_t timestamp_ms = -1;  // the producer's, or the broker's where the topic has LogAppendTime
};

// What a batch says of its producer.
struct TruthProducer {
  int64_t id = -1;  // -1: none, and the rest means nothing
  int64_t max_timestamp_ms = -1;
  int32_t last_sequence = -1;
  int16_t epoch = -1;
  bool transactional = false;
  bool ends_transaction = false;  // a commit or abort marker
};

struct TruthBatch {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t leader_epoch = 0;
  uint32_t crc = 0;  // covers all but base offset, length, leader epoch and magic
  bool control = false;
  bool valid = true;  // its CRC matches its bytes
  TruthProducer producer;
  int64_t max_timestamp_ms = -1;
  int64_t segment = 0;
  uint64_t position = 0;
  uint32_t size_bytes = 0;

  bool same(const TruthBatch& other) const {
    return base_offset == other.base_offset && last_offset == other.last_offset &&
           leader_epoch == other.leader_epoch && crc == other.crc && valid == other.valid;
  }
};
std::string to_string(const TruthBatch& batch);

// The records of batches, decoded once although each of three replicas holds them.
class BatchContents {
 public:
  // `frame` holds the whole batch.
  const std::vector<TruthRecord>& records(const TruthBatch& batch, Bytes frame);
  const std::vector<TruthRecord>* find(const TruthBatch& batch) const;
  // The one at `offset`, or nullptr.
  const TruthRecord* record(const TruthBatch& batch, int64_t offset) const;

 private:
  struct Key {
    int64_t base_offset;
    int32_t leader_epoch;
    uint32_t crc;
    bool operator<(const Key& other) const {
      if (base_offset != other.base_offset) return base_offset < other.base_offset;
      if (leader_epoch != other.leader_epoch) return leader_epoch < other.leader_epoch;
      return crc < other.crc;
    }
  };
  std::map<Key, std::vector<TruthRecord>> contents_;
};

class ReplicaTruth {
 public:
  ReplicaTruth(const DiskPeek& peek, int32_t node, std::string directory, BatchContents& contents)
      : peek_(peek), node_(node), directory_(std::move(directory)), contents_(contents) {}

  // Reads everything anew: after a start, a crash or a truncation to another start.
  void reload(DiskPeek::Layer layer = DiskPeek::Layer::cached);
  // Reads what has been appended since.
  void appended();
  void rolled(int64_t segment_base);
  // The log was cut, or starts anew: forgets batches that it no longer holds, then reads on.
  void truncated(int64_t to_offset);

  const std::vector<TruthBatch>& batches() const { return batches_; }
  // The index of the first batch whose last offset is >= offset; batches().size() if there is none.
  size_t find(int64_t offset) const;
  bool empty() const { return batches_.empty(); }
  bool has_files() const { return !segments_.empty(); }
  int64_t first_offset() const { return batches_.empty() ? end_offset() : batches_.front().base_offset; }
  // Of a log without batches: where its newest file begins.
  int64_t end_offset() const {
    if (!batches_.empty()) return batches_.back().last_offset + 1;
    return segments_.empty() ? 0 : segments_.back();
  }
  int32_t node() const { return node_; }
  const std::string& directory() const { return directory_; }
  // True if a power loss at this moment certainly leaves the batch, which the log holds. A length may be
  // durable before the bytes are. Also true if its file is on its way out: a log is cut file by file.
  bool is_durable(const TruthBatch& batch) const;
  // True if the device has changed bytes of it, even if it was cut off since.
  bool was_damaged(const TruthBatch& batch) const;
  // What broke rule S1 while reading: offsets that do not increase. Empty if nothing did.
  const std::string& disorder() const { return disorder_; }

 private:
  void read_on(DiskPeek::Layer layer);
  void read_segment(DiskPeek::Layer layer);
  size_t take_batch(Bytes frame);
  std::vector<int64_t> segments_on_disk(DiskPeek::Layer layer) const;

  const DiskPeek& peek_;
  int32_t node_;
  std::string directory_;
  BatchContents& contents_;
  std::vector<TruthBatch> batches_;
  std::vector<int64_t> segments_;  // ascending bases
  int64_t segment_ = -1;           // being read
  uint64_t position_ = 0;
  std::string disorder_;
  std::string path_;  // of path_segment_
  int64_t path_segment_ = -1;
  ByteBuffer window_;
  ByteBuffer frame_;
};

uint64_t content_hash(std::optional<Bytes> key, std::optional<Bytes> value);
uint64_t add_header(uint64_t content, std::string_view key, std::optional<Bytes> value);
// `headers`: a range of RecordHeader.
template <class Headers>
uint64_t content_hash(std::optional<Bytes> key, std::optional<Bytes> value, const Headers& headers) {
  uint64_t content = content_hash(key, value);
  for (const auto& header : headers) content = add_header(content, header.key, header.value);
  return content;
}

}  // namespace ksim::sim
