// Q1: what a hostile or buggy client says on the wire gets the answer that Kafka's rules demand.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

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
    if (std::find(forged.permitted.begin(), forged.permitted.end(), answer) == forged.permitted.end())
      return tell(forged, std::string(to_string(answer)));
    if (answer != ErrorCode::NONE || !forged.permitted_offset || *forged.permitted_offset == forged.offset)
      return;
    tell(forged, fmt::format("offset {}, where {} is right", forged.offset, *forged.permitted_offset));
  }

 private:
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
