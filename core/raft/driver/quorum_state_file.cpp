#include "core/raft/driver/quorum_state_file.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace ksim::raft {

namespace {

using Json = nlohmann::json;

std::optional<int32_t> integer(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  const int64_t value = it->get<int64_t>();
  if (value < INT32_MIN || value > INT32_MAX) return std::nullopt;
  return static_cast<int32_t>(value);
}

}  // namespace

std::string format_quorum_state(const ElectionRecord& record, const VoterSet& voters) {
  std::string current;
  for (const ReplicaKey& voter : voters.all()) {
    current += fmt::format("{}{{\"voterId\":{}}}", current.empty() ? "" : ",", voter.id);
  }
  return fmt::format(
      "{{\"clusterId\":\"\",\"leaderId\":{},\"leaderEpoch\":{},\"votedId\":{},\"appliedOffset\":0,"
      "\"currentVoters\":[{}],\"data_version\":0}}",
      record.leader_id, record.epoch, record.voted ? record.voted->id : kNoNode, current);
}

Result<ElectionRecord> parse_quorum_state(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail(ErrorCode::CORRUPT_MESSAGE, "not a JSON object");
  const auto version = integer(json, "data_version");
  if (!version || *version < 0 || *version > 1)
    return fail(ErrorCode::CORRUPT_MESSAGE, "unknown data_version");
  const auto epoch = integer(json, "leaderEpoch");
  const auto leader = integer(json, "leaderId");
  const auto voted = integer(json, "votedId");
  if (!epoch || *epoch < 0 || !leader || !voted) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "leaderEpoch, leaderId or votedId missing");
  }
  ElectionRecord record;
  record.epoch = *epoch;
  record.leader_id = *leader;
  if (*voted < 0) return record;
  record.voted = ReplicaKey{*voted, kZeroUuid};
  const auto directory = json.find("votedDirectoryId");
  if (*version == 1 && directory != json.end() && directory->is_string()) {
    const auto id = Uuid::parse(directory->get<std::string>());
    if (!id) return fail(ErrorCode::CORRUPT_MESSAGE, "votedDirectoryId is not an id");
    record.voted->directory = *id;
  }
  return record;
}

Result<std::optional<ElectionRecord>> read_quorum_state(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kQuorumStateFile);
  const IoResult<ByteBuffer> content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return std::optional<ElectionRecord>();
    return fail(Error(content.error(), path));
  }
  Result<ElectionRecord> record = parse_quorum_state(as_text(*content));
  if (!record.ok()) return fail(record.error().code, path + ": " + record.error().message);
  return std::optional<ElectionRecord>(*record);
}

Result<void> write_quorum_state(Disk& disk, std::string_view directory, const ElectionRecord& record,
                                const VoterSet& voters) {
  const std::string path = join_path(directory, kQuorumStateFile);
  const std::string text = format_quorum_state(record, voters);
  if (auto written = write_file_atomically(disk, path, as_bytes(text)); !written.ok()) {
    return fail(Error(written.error(), path));
  }
  return {};
}

}  // namespace ksim::raft
