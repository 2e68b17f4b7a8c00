#pragma once
// The text files of a log directory as who judges reads them.

#include <map>
#include <optional>
#include <string>

#include "sim/truth/replica_truth.h"

namespace ksim::sim {

// The marker of a stop in order (rule A45).
inline constexpr std::string_view kCleanShutdown = ".kafka_cleanshutdown";

// Nothing if there is no such file.
std::optional<std::string> read_text(const DiskPeek& disks, int32_t node, std::string_view path,
                                     DiskPeek::Layer layer);

// "orders-3" -> offset (rule A39); nothing if the text is no whole checkpoint.
std::optional<std::map<std::string, int64_t>> parse_checkpoint_text(std::string_view text);

// The entry of a log in the checkpoint file at `path`, if there is one.
std::optional<int64_t> checkpointed(const DiskPeek& disks, int32_t node, std::string_view path,
                                    std::string_view log, DiskPeek::Layer layer);

}  // namespace ksim::sim
