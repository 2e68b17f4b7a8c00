#pragma once
// `quorum-state` in the metadata partition's directory: epoch, leader and vote as one JSON line (rule A50;
// Kafka's FileQuorumStateStore). Example, version 0:
//   {"clusterId":"","leaderId":2,"leaderEpoch":7,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},
//   {"voterId":2}],"data_version":0}
// Version 1, which comes with kraft.version 1, has votedDirectoryId and no cluster, offset or voters. Here
// version 0 is written and both are read.

#include <optional>
#include <string>
#include <string_view>

#include "core/io/disk.h"
#include "core/raft/types.h"

namespace ksim::raft {

constexpr std::string_view kQuorumStateFile = "quorum-state";

std::string format_quorum_state(const ElectionRecord& record, const VoterSet& voters);
// CORRUPT_MESSAGE for anything that is not one of the two versions.
Result<ElectionRecord> parse_quorum_state(std::string_view text);

// None if there is no such file.
Result<std::optional<ElectionRecord>> read_quorum_state(Disk& disk, std::string_view directory);
// When this returns no crash can bring the older state back.
Result<void> write_quorum_state(Disk& disk, std::string_view directory, const ElectionRecord& record,
                                const VoterSet& voters);

}  // namespace ksim::raft
