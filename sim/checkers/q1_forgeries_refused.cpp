// Q1: what a hostile or buggy client says on the wire gets the answer that Kafka's rules demand.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr int64_t kAfterMaxMs = 3'600'000;
constexpr int64_t kAnswersInMs = 30'000;  // so long ago may the broker have looked at its clock

class ForgeriesRefused final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "Q1"; }
  std::string_view text() const override {
    return "a forged request gets the answer that the rules demand, and no other";
  }

  void on_forged(const ForgedRequest& forged) override {
    if (!forged.answer) {
      if (!forged.permitted.empty()) tell(forged, "the connection ended");
      return;
    }
    const ErrorCode answer = *forged.answer;
    if (answer == ErrorCode::INVALID_TIMESTAMP && ahead_of_its_broker(forged)) return;
    if (std::find(forged.permitted.begin(), forged.permitted.end(), answer) == forged.permitted.end())
      return tell(forged, std::string(to_string(answer)));
    if (answer != ErrorCode::NONE || !forged.permitted_offset || *forged.permitted_offset == forged.offset)
      return;
    tell(forged, fmt::format("offset {}, where {} is right", forged.offset, *forged.permitted_offset));
  }

 private:
  // A broker refuses what its clock calls the future (message.timestamp.after.max.ms, by default an hour),
  // and its clock may have been put back.
  bool ahead_of_its_broker(const ForgedRequest& forged) const {
    return view_.has_node(forged.broker) &&
           forged.newest_ms - view_.earliest_wall_clock_ms(forged.broker, forged.at) >
               kAfterMaxMs - kAnswersInMs;
  }

  void tell(const ForgedRequest& forged, const std::string& answer) {
    std::string permitted;
    for (ErrorCode code : forged.permitted)
      permitted += (permitted.empty() ? "" : " or ") + std::string(to_string(code));
    cry(forged.at, forged.subject,
        fmt::format("{} was answered with {}; rule {} demands {}", forged.request, answer, forged.rule,
                    permitted.empty() ? "that the connection ends without an answer" : permitted));
  }
};

}  // namespace

std::unique_ptr<Checker> make_forgeries_refused(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ForgeriesRefused>(view, verdicts);
}

}  // namespace ksim::sim
