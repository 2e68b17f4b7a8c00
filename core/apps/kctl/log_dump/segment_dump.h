#pragma once
// Segments and metadata snapshots: files of batches.

#include <cstdint>
#include <string>
#include <vector>

#include "core/apps/kctl/log_dump/sink.h"
#include "core/base/result.h"
#include "core/io/disk.h"

namespace ksim::kctl {

// What is remembered of a batch, to hold indexes, epochs and producers against.
struct BatchFact {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  uint64_t position = 0;
  int64_t max_timestamp_ms = -1;
  int64_t producer_id = -1;
  int32_t leader_epoch = -1;
  int32_t last_sequence = -1;
  int16_t producer_epoch = -1;
  bool is_control = false;
  bool aborts = false;  // the marker of an aborted transaction
};

struct SegmentFacts {
  std::string path;
  int64_t base_offset = 0;
  uint64_t size_bytes = 0;
  std::vector<BatchFact> batches;  // only if the dump is deep
  int64_t records = 0;
  int64_t batch_count = 0;
  int64_t end_offset = 0;  // one past the last offset; the base offset without batches
  int32_t last_epoch = -1;

  // The batch that holds `offset`, or the first one after it; null if there is none.
  const BatchFact* at_or_after(int64_t offset) const;
  const BatchFact* at_position(uint64_t position) const;
};

// Walks the file, shows what `options` ask for, and with `deep` tells the sink what is wrong: checksums,
// offsets, records that cannot be read, bytes that are no batch. `snapshot`: of the metadata log, which
// begins with a header and ends with a footer. KAFKA_STORAGE_ERROR: the file cannot be read.
Result<SegmentFacts> dump_segment(Disk& disk, const std::string& path, int64_t base_offset, bool snapshot,
                                  const DumpOptions& options, DumpSink& sink);

}  // namespace ksim::kctl
