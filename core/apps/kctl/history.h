#pragma once
// A history of what clients saw, in the format that 'ksim check' judges: a header, then one event a line.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/apps/kctl/text/json_text.h"
#include "core/base/result.h"
#include "core/base/units.h"

namespace ksim::kctl {

struct HistorySettings {
  std::string acks = "all";
  bool idempotence = true;
  std::string isolation = "read_committed";
};

// ---- lines, pure ----
// The header keeps its length whether final_polls is true or false, so that it can be set at the end.
std::string history_header(const HistorySettings& settings, bool final_polls);
Json send_op(std::string_view key, int64_t value);
Json send_result(std::string_view key, int64_t value, std::optional<int64_t> offset);
// `error` is left out if it is empty.
std::string history_event(int64_t index, Duration time, int64_t process, std::string_view type,
                          std::string_view f, const Json& value, std::string_view error);

// The file. Each event is in it when the call returns, so that a process that is killed leaves whole lines.
class History {
 public:
  // INVALID_REQUEST: it cannot be created, or exists.
  static Result<std::unique_ptr<History>> create(const std::string& path, const HistorySettings& settings);
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History();

  void event(Duration time, int64_t process, std::string_view type, std::string_view f, const Json& value,
             std::string_view error = {});
  // An assign that also seeks to the beginning.
  void assign_from_beginning(Duration time, int64_t process, std::string_view type, const Json& keys);
  int64_t events() const { return next_index_; }
  // Writes the header anew and closes the file. KAFKA_STORAGE_ERROR: not all of it could be written.
  Result<void> finish(bool final_polls);

 private:
  History(std::string path, const HistorySettings& settings, std::FILE* file)
      : path_(std::move(path)), settings_(settings), file_(file) {}
  void put(std::string line);

  std::string path_;
  HistorySettings settings_;
  std::FILE* file_;
  int64_t next_index_ = 0;
  bool broken_ = false;
};

}  // namespace ksim::kctl
