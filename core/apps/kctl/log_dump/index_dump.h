#pragma once
// The indexes of a segment.

#include <string>

#include "core/apps/kctl/log_dump/segment_dump.h"

namespace ksim::kctl {

// `facts` is what a deep walk of the segment has found; null: entries are only held against one another. An
// index that a running Apache Kafka has preallocated ends with zeros, which are no entries.
Result<void> dump_offset_index(Disk& disk, const std::string& path, int64_t base_offset,
                               const SegmentFacts* facts, const DumpOptions& options, DumpSink& sink);
Result<void> dump_time_index(Disk& disk, const std::string& path, int64_t base_offset,
                             const SegmentFacts* facts, const DumpOptions& options, DumpSink& sink);
Result<void> dump_txn_index(Disk& disk, const std::string& path, const SegmentFacts* facts,
                            const DumpOptions& options, DumpSink& sink);

}  // namespace ksim::kctl
