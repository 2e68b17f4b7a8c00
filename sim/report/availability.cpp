#include "sim/report/availability.h"

#include <algorithm>
#include <tuple>

namespace ksim::sim {
namespace {

constexpr int64_t kPatienceUs = 1'000'000;

std::vector<std::pair<int64_t, int64_t>> spans_without_an_answer(const std::vector<AskedOp>& ops,
                                                                 int64_t end_us) {
  enum class What : uint8_t { acknowledged, given_up, invoked };  // in this order, of one instant
  std::vector<std::pair<int64_t, What>> steps;
  for (const AskedOp& op : ops) {
    if (!op.send) continue;
    steps.emplace_back(op.invoked_us, What::invoked);
    if (op.completed_us < 0) continue;
    steps.emplace_back(std::max(op.completed_us, op.invoked_us + 1),
                       op.outcome == AskedOp::Outcome::ok ? What::acknowledged : What::given_up);
  }
  std::sort(steps.begin(), steps.end());
  std::vector<std::pair<int64_t, int64_t>> spans;
  size_t open = 0;
  int64_t since = 0;
  const auto ends = [&](int64_t at) {
    if (at - since > kPatienceUs) spans.emplace_back(since, at);
  };
  for (const auto& [at, what] : steps) {
    if (what == What::invoked) {
      if (open++ == 0) since = at;
      continue;
    }
    --open;
    if (what == What::acknowledged || open == 0) {
      ends(at);
      since = at;
    }
  }
  if (open > 0) ends(end_us);
  return spans;
}

}  // namespace

int64_t bucket_us(int64_t end_us) {
  constexpr int64_t kMost = 150;
  for (int64_t unit = 100'000;; unit *= 10) {
    for (const int64_t times : {1, 2, 5}) {
      if (end_us <= unit * times * kMost) return unit * times;
    }
  }
}

Availability availability(const std::vector<AskedOp>& ops, int64_t end_us, int64_t bucket_us) {
  Availability out;
  const auto buckets = static_cast<size_t>(end_us / bucket_us + 1);
  for (auto* counts : {&out.ok, &out.failed, &out.unknown}) counts->resize(buckets);
  for (const AskedOp& op : ops) {
    const int64_t at = op.completed_us < 0 ? op.invoked_us : op.completed_us;
    const auto bucket = std::min(static_cast<size_t>(std::max<int64_t>(at, 0) / bucket_us), buckets - 1);
    auto& counts = op.outcome == AskedOp::Outcome::ok       ? out.ok
                   : op.outcome == AskedOp::Outcome::failed ? out.failed
                                                            : out.unknown;
    ++counts[bucket];
  }
  out.unavailable_us = spans_without_an_answer(ops, end_us);
  return out;
}

}  // namespace ksim::sim
