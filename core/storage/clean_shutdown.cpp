#include "core/storage/clean_shutdown.h"

#include <nlohmann/json.hpp>
#include <string>

namespace ksim::storage {

std::optional<int64_t> parse_clean_shutdown(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto epoch = json.find("brokerEpoch");
  if (epoch == json.end() || !epoch->is_number_integer()) return std::nullopt;
  return epoch->get<int64_t>();
}

Result<std::optional<CleanShutdown>> read_clean_shutdown(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kCleanShutdownFile);
  const auto content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return std::optional<CleanShutdown>{};
    return fail(Error(content.error(), "reading " + path));
  }
  return std::optional<CleanShutdown>{{parse_clean_shutdown(as_text(*content))}};
}

Result<void> remove_clean_shutdown(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kCleanShutdownFile);
  const auto removed = disk.remove(path);
  if (!removed.ok() && removed.error() != IoError::not_found) {
    return fail(Error(removed.error(), "removing " + path));
  }
  // Also if there was none: its removal may have been lost half way to the disk by an earlier crash.
  const auto synced = disk.sync_dir(directory);
  if (!synced.ok()) return fail(Error(synced.error(), "syncing " + std::string(directory)));
  return {};
}

Result<void> write_clean_shutdown(Disk& disk, std::string_view directory, int64_t broker_epoch) {
  const std::string path = join_path(directory, kCleanShutdownFile);
  const std::string text = R"({"version":0,"brokerEpoch":)" + std::to_string(broker_epoch) + "}";
  const auto written = write_file_atomically(disk, path, as_bytes(text));
  if (!written.ok()) return fail(Error(written.error(), "writing " + path));
  return {};
}

}  // namespace ksim::storage
