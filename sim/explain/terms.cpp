#include "sim/explain/terms.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/words.h"

namespace ksim::sim {

std::vector<Term> terms_of(const Past& past) {
  std::vector<Term> terms;
  int32_t epoch = -1;
  for (size_t i = 0; i < past.states.size(); ++i) {
    const PastState& state = past.states[i];
    if (state.leader_epoch == epoch) continue;
    epoch = state.leader_epoch;
    if (!terms.empty() && !terms.back().until_ns) terms.back().until_ns = state.at_ns;
    if (state.leader < 0) continue;
    Term term{state.at_ns,
              state.at_ns,
              std::nullopt,
              state.leader,
              epoch,
              state.unclean,
              i == 0 ? nullptr : &past.states[i - 1]};
    // Who was elected while it was down, and replaced before it was back, has never led.
    const auto leads = std::find_if(past.events.begin(), past.events.end(), [&](const PastEvent& event) {
      return event.name == "replica.became_leader" && event.node == term.leader &&
             event.leader_epoch == epoch;
    });
    if (leads == past.events.end()) continue;
    term.leads_ns = std::max(leads->at_ns, term.elected_ns);
    terms.push_back(term);
  }
  return terms;
}

const PastEvent* committed_by(const LossCase& about) {
  for (const PastEvent& event : about.past.events) {
    if (event.name == "replica.high_watermark" && event.flag && event.high_watermark > about.offset &&
        event.at_ns >= about.appended_ns() && event.leader_epoch >= about.batch.leader_epoch &&
        about.batch.holds(event.node, event.at_ns))
      return &event;
  }
  return nullptr;
}

const PastCopy* lost_copy(const PastBatch& batch, int32_t node, int64_t until_ns) {
  const PastCopy* found = nullptr;
  for (const PastCopy& copy : batch.copies) {
    if (copy.node == node && copy.until_ns && *copy.until_ns <= until_ns) found = &copy;
  }
  return found;
}

const PastNode* registered_between(const Past& past, int32_t node, int64_t from_ns, int64_t to_ns) {
  for (const PastNode& event : past.nodes) {
    if (event.node == node && event.at_ns >= from_ns && event.at_ns <= to_ns &&
        event.what.starts_with("registered"))
      return &event;
  }
  return nullptr;
}

std::string gone_words(const std::string& gone_by) {
  if (gone_by == "power loss") return "it lost power, and the record was not synced there";
  if (gone_by == "replaced disk") return "its disk was replaced";
  if (gone_by == "damage") return "its disk had changed bytes, and recovery cut its log off there";
  if (gone_by == "recovery") return "recovery cut its log off before it";
  if (gone_by == "truncation") return "it cut its log off before it";
  if (gone_by == "deletion") return "it deleted its log up to behind it";
  return gone_by;
}

std::string absent_words(const Past& past, const PastState& before, int64_t at_ns) {
  std::string text;
  Nodes members = before.isr;
  for (const int32_t node : before.elr) {
    if (!contains(members, node)) members.push_back(node);
  }
  for (const int32_t node : members) {
    const PastNode* down = past.down_at(node, at_ns);
    if (down == nullptr) continue;
    text += fmt::format("{}broker {} was down since {} ({})", text.empty() ? "" : ", ", node,
                        seconds_text(down->at_ns),
                        down->what == "power_lost" ? "power loss"
                        : down->what == "crashed"  ? "crash"
                        : down->what == "wiped"    ? "replaced disk"
                                                   : "stop");
  }
  return text;
}

}  // namespace ksim::sim
