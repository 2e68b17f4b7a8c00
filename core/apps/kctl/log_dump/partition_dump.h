#pragma once
// The directory of one partition, file by file and as a whole.

#include <string>
#include <string_view>

#include "core/apps/kctl/log_dump/sink.h"
#include "core/base/result.h"
#include "core/io/disk.h"

namespace ksim::kctl {

// What a file of a partition is, by its name.
struct FileKind {
  enum Type : uint8_t {
    segment,
    offset_index,
    time_index,
    txn_index,
    producer_snapshot,
    metadata_snapshot,
    other
  };
  Type type = other;
  int64_t offset = 0;  // in its name
  bool is_live =
      true;  // false: renamed, to be removed (.deleted) or to take another's place (.swap, .cleaned)
};
FileKind kind_of(std::string_view name);

// The offsets of what the segments hold.
struct LogRange {
  bool empty = true;
  int64_t begin = 0;
  int64_t end = 0;
};

Result<LogRange> dump_partition(Disk& disk, const std::string& path, const DumpOptions& options,
                                DumpSink& sink);

}  // namespace ksim::kctl
