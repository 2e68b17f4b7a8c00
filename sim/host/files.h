#pragma once
// Files of the person who runs ksim: scenarios, plans, recordings. Never those of a simulated node.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ksim::host {

Result<std::string> read_text(const std::string& path);
// Hands over a file's content in blocks, until `take` fails; "-" is standard input. Fails as `take` did, or
// where the file cannot be read.
Result<void> read_blocks(const std::string& path, const std::function<Result<void>(std::string_view)>& take);
// The file that a path stands for, whatever links lead to it.
std::string behind_links(const std::string& path);
// Makes or replaces the file in one step: it has its old content, or none, until it has all of the new one.
Result<void> write_whole(const std::string& path, std::string_view content);
// Names in a directory that end so, sorted; empty if it cannot be read.
std::vector<std::string> list_files(const std::string& directory, std::string_view ending);
// Why write_whole() would fail, or would destroy something else than a file that begins with `magic`; nothing
// if it is fine. Leaves no trace.
std::optional<std::string> why_not_replaceable(const std::string& path, std::string_view magic);

}  // namespace ksim::host
