#include "sim/checkers/checker.h"

namespace ksim::sim {

void Verdicts::violation(std::string_view checker, Instant at, std::string_view subject,
                         std::string message) {
  for (const Violation& known : violations_) {
    if (known.checker == checker && known.subject == subject) return;
  }
  violations_.push_back({std::string(checker), at, std::string(subject), std::move(message)});
}

}  // namespace ksim::sim
