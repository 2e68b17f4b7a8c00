#pragma once
// The image after a prefix of the metadata log, metadata transactions included (rule C6).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/metadata/image.h"
#include "core/metadata/records.h"

namespace ksim {

class MetadataDelta;

// A committed batch of the metadata log. Control batches come with no records.
struct MetadataBatch {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t epoch = 0;
  int64_t append_time_ms = 0;
  std::span<const Bytes> records;
  size_t size_bytes = 0;
};

struct LogState {
  int64_t offset = -1;  // of the last record applied
  MetadataImageRef image = empty_image();
  // Where the open metadata transaction began, and the image before it.
  std::optional<int64_t> transaction_start;
  MetadataImageRef before_transaction;

  // Applied and outside an open transaction.
  int64_t stable_offset() const { return transaction_start ? *transaction_start - 1 : offset; }
  const MetadataImageRef& stable_image() const { return transaction_start ? before_transaction : image; }
};

// Partitions by topic, in order.
using ChangedPartitions = std::map<Uuid, std::set<int32_t>>;

// Applies a batch. On an error the state is as before. `changed` is told of partitions that are there
// afterwards and were new or changed, some of them perhaps not in the end.
Result<void> apply_batch(LogState& state, const MetadataBatch& batch, ChangedPartitions* changed = nullptr);

// Rebuilds the state that a snapshot holds, from its records in order.
class SnapshotLoad {
 public:
  SnapshotLoad();
  ~SnapshotLoad();
  Result<void> add(std::span<const Bytes> records);
  // Nothing may be added any more.
  LogState finish(const MetadataProvenance& provenance);

 private:
  std::unique_ptr<MetadataDelta> delta_;
  wire::Arena arena_;
};
Result<LogState> load_snapshot(const MetadataProvenance& provenance, std::span<const Bytes> records);

}  // namespace ksim
