#pragma once
// `.txnindex`: the aborted transactions whose marker lies in a segment (rules A32, A33, FORMAT.md).

#include "core/storage/index_file.h"
#include "core/storage/log_types.h"

namespace ksim::storage {

struct AbortedTxnEntry {
  static constexpr size_t kBytes = 34;
  int64_t producer_id = -1;
  int64_t first_offset = -1;
  int64_t last_offset = -1;  // of the abort marker
  int64_t last_stable_offset = -1;

  void store(uint8_t* at) const {
    store_be<int16_t>(at, 0);
    store_be(at + 2, producer_id);
    store_be(at + 10, first_offset);
    store_be(at + 18, last_offset);
    store_be(at + 26, last_stable_offset);
  }
  static AbortedTxnEntry load(const uint8_t* at) {
    return {load_be<int64_t>(at + 2), load_be<int64_t>(at + 10), load_be<int64_t>(at + 18),
            load_be<int64_t>(at + 26)};
  }
  static AbortedTxnEntry before_all() { return {}; }
  bool follows(const AbortedTxnEntry& before) const {
    return last_offset > before.last_offset && first_offset >= 0 && first_offset <= last_offset;
  }
};

class TxnIndex {
 public:
  TxnIndex(Disk& disk, std::string path) : file_(disk, std::move(path)) {}

  IndexFile<AbortedTxnEntry>& file() { return file_; }
  // All need the file loaded.
  void append(const AbortedTxnEntry& entry);
  // Removes entries whose marker is at or above `offset`.
  void truncate_to(int64_t offset);
  // Adds the transactions that touch [from, up_to). True: no later segment can add any.
  bool collect(int64_t from, int64_t up_to, std::vector<AbortedTransaction>& found) const;

 private:
  IndexFile<AbortedTxnEntry> file_;
};

}  // namespace ksim::storage
