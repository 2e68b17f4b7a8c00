#include "core/storage/partition_metadata.h"

#include "core/storage/text.h"

namespace ksim::storage {

std::string format_partition_metadata(Uuid topic_id) {
  return "version: 0\ntopic_id: " + topic_id.to_string();
}

Result<Uuid> parse_partition_metadata(std::string_view text) {
  const auto lines = split_lines(text);
  const auto version_words = lines.empty() ? std::vector<std::string_view>{} : split_words(lines[0]);
  const auto id_words = lines.size() < 2 ? std::vector<std::string_view>{} : split_words(lines[1]);
  if (version_words.size() != 2 || id_words.size() != 2) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "malformed partition.metadata");
  }
  const auto version = parse_number<int32_t>(version_words[1]);
  if (!version || *version < 0) return fail(ErrorCode::CORRUPT_MESSAGE, "unknown partition.metadata version");
  const auto id = Uuid::parse(id_words[1]);
  if (!id || id->is_zero()) return fail(ErrorCode::CORRUPT_MESSAGE, "invalid topic id in partition.metadata");
  return *id;
}

Result<std::optional<Uuid>> read_partition_metadata(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kPartitionMetadataFile);
  const auto content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return std::optional<Uuid>{};
    return fail(Error(content.error(), "reading " + path));
  }
  TRY_ASSIGN(const Uuid id, parse_partition_metadata(as_text(*content)));
  return std::optional<Uuid>{id};
}

Result<void> write_partition_metadata(Disk& disk, std::string_view directory, Uuid topic_id) {
  const std::string path = join_path(directory, kPartitionMetadataFile);
  const std::string text = format_partition_metadata(topic_id);
  const auto written = write_file_atomically(disk, path, as_bytes(text));
  if (!written.ok()) return fail(Error(written.error(), "writing " + path));
  return {};
}

}  // namespace ksim::storage
