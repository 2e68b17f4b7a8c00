#pragma once
// Brings a partition's directory into memory (rules A76-A81). One use.

#include <map>
#include <string>
#include <vector>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {

class LogLoader {
 public:
  explicit LogLoader(Log& log) : log_(log), options_(log.options_), disk_(log.env_.disk) {}

  // The log's members are all set when this succeeds.
  Result<void> load();

 private:
  class Recovery;

  Result<void> settle_topic_id();
  Result<void> finish_interrupted_work();
  Result<void> remove_plain_files(int64_t from, int64_t up_to);
  Result<int64_t> next_offset_of_file(const std::string& path, int64_t base_offset);
  Result<void> open_segments();
  Result<void> drop_below_log_start();
  Result<void> load_epochs();
  Result<void> lower_recovery_point(int64_t offset);
  Result<void> rebuild_missing_indexes();
  Result<void> recover(int64_t& end_offset);
  Result<bool> follows_its_predecessor(int64_t base_offset, int64_t previous_end) const;
  Result<void> drop_from(int64_t base_offset);
  Result<void> start_over(int64_t offset);
  Result<void> settle_epochs(int64_t end_offset);
  Result<void> settle_producers(int64_t end_offset);

  Result<std::vector<std::string>> list();
  Result<void> remove(const std::string& name);
  std::string path_of(std::string_view name) const { return join_path(options_.path, name); }

  Log& log_;
  LogOpen& options_;
  Disk& disk_;
  bool clean_ = false;
  bool directory_changed_ = false;
  bool epochs_changed_ = false;
  std::vector<int64_t> without_index_;  // segments whose indexes cannot be used
  uint64_t bytes_cut_ = 0;
};

}  // namespace ksim::storage
