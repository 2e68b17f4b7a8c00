#pragma once
// Shows and verifies the files of a broker or controller, ours or Apache Kafka's. Reads, never writes.

#include <string>

#include "core/apps/kctl/log_dump/sink.h"
#include "core/base/result.h"
#include "core/io/disk.h"

namespace ksim::kctl {

// A file, a partition's directory, or a log directory (one with partitions in it). With `deep`, what is found
// wrong goes to the sink as problems. Failures: INVALID_REQUEST for what is no file of Kafka's,
// KAFKA_STORAGE_ERROR if something cannot be read.
Result<void> dump_path(Disk& disk, const std::string& path, const DumpOptions& options, DumpSink& sink);

}  // namespace ksim::kctl
