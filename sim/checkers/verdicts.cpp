#include "sim/checkers/checker.h"

namespace ksim::sim {

void Verdicts::violation(std::string_view checker, Instant at, std::string_view subject, std::string message,
                         RecordId record, int64_t offset) {
  for (const Violation& known : violations_) {
    if (known.checker == checker && known.subject == subject) return;
  }
  violations_.push_back({std::string(checker), at, std::string(subject), std::move(message), record, offset});
  if (on_found) on_found(violations_.back());
}

}  // namespace ksim::sim
