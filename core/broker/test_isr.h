#pragma once
// What tests of the ISR have in common.

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/broker/isr.h"

namespace ksim::broker {

class FakeBrokers : public BrokerDirectory {
 public:
  std::optional<BrokerStanding> standing(int32_t id) const override {
    const auto found = brokers.find(id);
    return found == brokers.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<int32_t, BrokerStanding> brokers;
};

inline std::vector<int32_t> ids(std::span<const int32_t> span) { return {span.begin(), span.end()}; }
inline std::vector<int32_t> ids(const IsrProposal& proposal) {
  std::vector<int32_t> result;
  for (const IsrMember& member : proposal.isr) result.push_back(member.broker_id);
  return result;
}
using Ids = std::vector<int32_t>;

}  // namespace ksim::broker
