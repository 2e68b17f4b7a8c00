#pragma once
// Files of the person who runs ksim: scenarios, plans, recordings. Never those of a simulated node.

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace ksim::host {

Result<std::string> read_text(const std::string& path);
// Replaces the file.
Result<void> write_text(const std::string& path, std::string_view text);
// Names in a directory that end so, sorted; empty if it cannot be read.
std::vector<std::string> list_files(const std::string& directory, std::string_view ending);
// Why a file of that name cannot be created or replaced; nothing if it can. Leaves no trace.
std::optional<std::string> why_not_writable(const std::string& path);

}  // namespace ksim::host
