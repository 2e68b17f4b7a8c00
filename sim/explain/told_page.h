#pragma once
// Records that stand in no log, or not where their senders were told.

#include <optional>
#include <vector>

#include "core/base/result.h"
#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

// `batches`: those of its partition that ever had it. Nothing: it stood where it was acknowledged.
Result<std::optional<Explanation>> told_page(Database& database, const Past& past, const SentRecord& sent,
                                             const std::vector<PastBatch>& batches);

}  // namespace ksim::sim
