#include "sim/explain/steps.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "sim/explain/words.h"

namespace ksim::sim {
namespace {

constexpr int64_t kStarted = 3'000'000'000;

bool is_death(const PastNode& event) {
  return event.what == "crashed" || event.what == "power_lost" || event.what == "wiped" ||
         event.what == "stopped";
}

}  // namespace

void Steps::add(Weight weight, int64_t at_ns, std::string kind, int32_t node, std::string text) {
  steps_.push_back({weight, 0, {at_ns, std::move(kind), node, std::move(text)}});
}

void Steps::add_states(const Past& past, int64_t from_ns, int64_t to_ns) {
  const PastState* before = past.state_at(from_ns);
  for (const PastState& state : past.states) {
    if (state.at_ns <= from_ns || state.at_ns > to_ns) continue;
    const std::string elr = state.elr.empty() ? "" : fmt::format(", ELR {}", set_text(state.elr));
    if (before == nullptr || state.leader_epoch != before->leader_epoch) {
      const std::string text =
          state.leader < 0
              ? fmt::format("nobody leads any more: epoch {}, ISR {}{}", state.leader_epoch,
                            set_text(state.isr), elr)
              : fmt::format("broker {} is elected for epoch {}{}: ISR {}{}", state.leader, state.leader_epoch,
                            state.unclean ? " by an unclean election" : "", set_text(state.isr), elr);
      add(Weight::cause, state.at_ns, "election", state.leader, text);
    } else if (state.isr != before->isr || state.elr != before->elr) {
      const bool shrinks = state.isr.size() < before->isr.size() || state.isr.empty();
      add(shrinks ? Weight::context : Weight::detail, state.at_ns, "isr", state.leader,
          state.isr == before->isr
              ? fmt::format("the ELR becomes {} (ISR {})", set_text(state.elr), set_text(state.isr))
              : fmt::format("the ISR {} to {}{}", shrinks ? "shrinks" : "grows", set_text(state.isr), elr));
    }
    before = &state;
  }
}

void Steps::add_node(Weight weight, const Past& past, const PastNode& event) {
  const bool death = is_death(event);
  const PastFault* fault = death ? past.fault_of(event.node, event.at_ns) : nullptr;
  const std::string cause = fault == nullptr ? ""
                            : fault->cause.starts_with("at ")
                                ? fmt::format(" (fault {})", fault->kind)
                                : fmt::format(" (fault {}, {})", fault->kind, fault->cause);
  const std::string reason = event.detail.empty() ? "" : fmt::format(": {}", event.detail);
  const std::string kind = death ? "fault" : event.what.ends_with("fenced") ? event.what : "back";
  add(weight, event.at_ns, kind, event.node,
      fmt::format("{}: {}{}{}", past.name_of(event.node), node_words(event.what), reason, cause));
}

void Steps::add_troubles(const Past& past, const Nodes& nodes, int64_t from_ns, int64_t to_ns) {
  for (const PastNode& event : past.nodes) {
    if (event.at_ns < from_ns || event.at_ns > to_ns || !contains(nodes, event.node)) continue;
    const bool death = is_death(event);
    // The first start of the cluster is no news.
    if (!death && (past.states.empty() ? event.at_ns < kStarted : event.at_ns < past.states.front().at_ns))
      continue;
    const bool matters = event.what == "started" || event.what == "registered uncleanly";
    add_node(death ? Weight::cause : matters ? Weight::context : Weight::detail, past, event);
  }
  for (const PastFault& fault : past.faults) {
    const bool acts = fault.began_ns <= to_ns && (!fault.ended_ns || *fault.ended_ns >= from_ns);
    if (!acts) continue;
    const bool strikes =
        std::any_of(nodes.begin(), nodes.end(), [&](int32_t node) { return fault.strikes(node); });
    const bool told = std::any_of(steps_.begin(), steps_.end(), [&](const Weighted& known) {
      return known.step.kind == "fault" && known.step.at_ns == fault.began_ns &&
             fault.strikes(known.step.node);
    });
    if (!strikes || told) continue;
    const size_t semicolon = fault.effect.find(';');
    add(Weight::cause, fault.began_ns, "fault", -1,
        fmt::format("{} begins ({}){}", fault_text(fault), fault.effect.substr(0, semicolon),
                    fault.ended_ns ? fmt::format("; until {}", seconds_text(*fault.ended_ns)) : ""));
  }
}

bool Steps::has(int64_t at_ns, int32_t node) const {
  return std::any_of(steps_.begin(), steps_.end(), [&](const Weighted& known) {
    return known.step.at_ns == at_ns && known.step.node == node;
  });
}

std::vector<Explanation::Step> Steps::take(size_t most) {
  for (size_t i = 0; i < steps_.size(); ++i) steps_[i].place = i;
  const auto heavier = [](const Weighted& a, const Weighted& b) { return a.weight > b.weight; };
  // What was added first comes first at the same moment.
  const auto earlier = [](const Weighted& a, const Weighted& b) {
    return std::tie(a.step.at_ns, a.place) < std::tie(b.step.at_ns, b.place);
  };
  std::stable_sort(steps_.begin(), steps_.end(), earlier);
  std::stable_sort(steps_.begin(), steps_.end(), heavier);
  // What two families have told alike stands there once.
  std::vector<Weighted> once;
  for (Weighted& one : steps_) {
    const bool told = std::any_of(once.begin(), once.end(), [&](const Weighted& other) {
      return other.step.at_ns == one.step.at_ns && other.step.text == one.step.text;
    });
    if (!told && once.size() < most) once.push_back(std::move(one));
  }
  steps_ = std::move(once);
  std::stable_sort(steps_.begin(), steps_.end(), earlier);
  std::vector<Explanation::Step> out;
  for (Weighted& one : steps_) out.push_back(std::move(one.step));
  steps_.clear();
  return out;
}

}  // namespace ksim::sim
