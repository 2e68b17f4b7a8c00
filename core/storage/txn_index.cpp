#include "core/storage/txn_index.h"

#include <algorithm>

namespace ksim::storage {

void TxnIndex::append(const AbortedTxnEntry& entry) {
  const auto& entries = file_.entries();
  ENSURE(entries.empty() || entries.back().last_offset < entry.last_offset, "transaction index out of order");
  file_.append(entry);
}

void TxnIndex::truncate_to(int64_t offset) {
  const auto& entries = file_.entries();
  const auto found = std::partition_point(entries.begin(), entries.end(),
                                          [&](const AbortedTxnEntry& e) { return e.last_offset < offset; });
  file_.truncate(static_cast<size_t>(found - entries.begin()));
}

bool TxnIndex::collect(int64_t from, int64_t up_to, std::vector<AbortedTransaction>& found) const {
  for (const AbortedTxnEntry& entry : file_.entries()) {
    if (entry.last_offset >= from && entry.first_offset < up_to) {
      found.push_back({entry.producer_id, entry.first_offset});
    }
    if (entry.last_stable_offset >= up_to) return true;
  }
  return false;
}

}  // namespace ksim::storage
