#pragma once
// The small files of a log directory and of a partition.

#include <string>
#include <vector>

#include "core/apps/kctl/log_dump/sink.h"
#include "core/storage/checkpoint.h"
#include "core/storage/log_types.h"
#include "core/storage/producer_state.h"

namespace ksim::kctl {

// Each shows the file and gives what it says; a file that cannot be understood is a problem and gives
// nothing. KAFKA_STORAGE_ERROR: it cannot be read.
Result<storage::ProducerState::Producers> dump_producer_snapshot(Disk& disk, const std::string& path,
                                                                 const DumpOptions& options, DumpSink& sink);
Result<std::vector<storage::EpochEntry>> dump_epochs(Disk& disk, const std::string& path, DumpSink& sink);
Result<storage::OffsetMap> dump_offsets(Disk& disk, const std::string& path, const DumpOptions& options,
                                        DumpSink& sink);
Result<void> dump_partition_metadata(Disk& disk, const std::string& path, DumpSink& sink);
Result<void> dump_meta_properties(Disk& disk, const std::string& path, DumpSink& sink);
Result<void> dump_quorum_state(Disk& disk, const std::string& path, DumpSink& sink);
Result<void> dump_clean_shutdown(Disk& disk, const std::string& path, DumpSink& sink);

}  // namespace ksim::kctl
