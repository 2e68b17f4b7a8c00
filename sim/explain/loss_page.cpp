// The steps of a loss, and the last moment at which it could have been averted.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/loss.h"
#include "sim/explain/steps.h"
#include "sim/explain/words.h"

namespace ksim::sim {
namespace {

constexpr size_t kMostLossSteps = 18;

Nodes replicas_of(const LossCase& about) {
  Nodes nodes;
  const auto take = [&](const Nodes& more) {
    for (const int32_t node : more) {
      if (!contains(nodes, node)) nodes.push_back(node);
    }
  };
  for (const PastState& state : about.past.states) take(state.isr), take(state.elr);
  for (const PastCopy& copy : about.batch.copies) take({copy.node});
  return nodes;
}

Nodes synced_on(const PastBatch& batch, int64_t at_ns) {
  Nodes nodes;
  for (const PastCopy& copy : batch.copies) {
    const bool there = copy.from_ns <= at_ns && (!copy.until_ns || at_ns < *copy.until_ns);
    if (there && copy.synced_ns && *copy.synced_ns <= at_ns) nodes.push_back(copy.node);
  }
  return nodes;
}

std::string gone_step(const LossCase& about, const PastCopy& copy) {
  const int64_t at = *copy.until_ns;
  if (copy.gone_by == "power loss")
    return fmt::format("broker {} lost it with its power{}", copy.node,
                       copy.synced_ns ? "" : ": it was not synced");
  if (copy.gone_by == "replaced disk") return fmt::format("broker {} lost it with its disk", copy.node);
  if (copy.gone_by == "damage")
    return fmt::format("broker {} recovers its log, finds it damaged and cuts it off", copy.node);
  if (copy.gone_by == "recovery")
    return fmt::format("broker {} cuts it off as it recovers its log", copy.node);
  if (copy.gone_by == "deletion") return fmt::format("broker {} deletes its log up to behind it", copy.node);
  std::string range;
  for (const PastEvent& event : about.past.events) {
    if (event.name == "log.truncated" && event.node == copy.node && event.at_ns == at)
      range = fmt::format(" from {} to {}", event.from_offset, event.to_offset);
  }
  const int32_t leader = about.past.followed(copy.node, at);
  const bool lacks = leader >= 0 && !about.batch.holds(leader, at);
  return fmt::format("broker {} cuts its log{}{}: the record goes", copy.node, range,
                     leader < 0 ? std::string()
                     : lacks    ? fmt::format(", to follow broker {}, which has not got it", leader)
                                : fmt::format(", though broker {}, which it follows, has it", leader));
}

void tell_client(const LossCase& about, Steps& steps) {
  if (!about.sent) return;
  const SentRecord& sent = *about.sent;
  steps.add(Weight::spine, sent.sent_ns, "sent", -1,
            fmt::format("{} sends it to {} ({})", sent.client, sent.partition, acks_words(sent.acks)));
  if (sent.told_ns) {
    const int64_t told = *sent.told_ns;
    const PastState* state = about.past.state_at(told);
    std::string text =
        sent.outcome == "ok"
            ? fmt::format("{} is told: success{}", sent.client,
                          sent.offset ? fmt::format(", offset {}", *sent.offset) : "")
            : fmt::format("{} is told: {} ({})", sent.client, sent.error,
                          sent.outcome == "failed" ? "it is not written" : "it may be written or not");
    if (state != nullptr) text += fmt::format("; leader {}, ISR {}", state->leader, set_text(state->isr));
    text +=
        fmt::format("; on the disks of {}, synced on {}", brokers(about.batch.holders(told)),
                    synced_on(about.batch, told).empty() ? "none" : brokers(synced_on(about.batch, told)));
    steps.add(Weight::spine, told, "told", -1, text);
  } else {
    steps.add(Weight::context, sent.sent_ns + 1, "told", -1,
              fmt::format("{} was never answered", sent.client));
  }
  for (size_t i = 0; i < sent.reads.size() && i < 3; ++i)
    steps.add(Weight::context, sent.reads[i].at_ns, "read", -1,
              fmt::format("{} reads it", sent.reads[i].client));
}

void tell_copies(const LossCase& about, int64_t until_ns, Steps& steps) {
  Nodes seen;
  for (const PastCopy& copy : about.batch.copies) {
    if (copy.from_ns > until_ns) continue;
    const bool again = contains(seen, copy.node);
    if (seen.empty()) {
      steps.add(Weight::spine, copy.from_ns, "written", copy.node,
                fmt::format("broker {} writes it at offset {}, leader epoch {}", copy.node, about.offset,
                            about.batch.leader_epoch));
    } else {
      steps.add(Weight::context, copy.from_ns, "copied", copy.node,
                fmt::format("broker {} has {}it", copy.node, again ? "once more fetched " : "fetched "));
    }
    seen.push_back(copy.node);
    if (copy.until_ns && *copy.until_ns <= until_ns)
      steps.add(Weight::spine, *copy.until_ns, "gone", copy.node, gone_step(about, copy));
  }
}

}  // namespace

std::vector<Explanation::Step> loss_steps(const LossCase& about, const Loss& loss) {
  Steps steps;
  const int64_t from = about.sent ? about.sent->sent_ns : about.appended_ns();
  int64_t until = std::max(loss.at_ns, loss.elected_ns.value_or(0));
  if (about.suspect >= 0) until = std::max(until, about.horizon_ns);
  for (const PastCopy& copy : about.batch.copies) {
    if (copy.until_ns && *copy.until_ns <= about.horizon_ns) until = std::max(until, *copy.until_ns);
  }
  steps.add_troubles(about.past, replicas_of(about), from, until);
  for (const PastNode* back : loss.returns) steps.add_node(Weight::spine, about.past, *back);
  tell_copies(about, until, steps);
  if (loss.committed_ns) {
    for (const PastEvent& event : about.past.events) {
      if (event.at_ns != *loss.committed_ns || !event.flag || event.name != "replica.high_watermark")
        continue;
      steps.add(Weight::spine, event.at_ns, "committed", event.node,
                fmt::format("leader {} moves its high watermark to {}: it is committed; ISR {}", event.node,
                            event.high_watermark, set_text(about.past.isr_of_leader(event))));
      break;
    }
  }
  tell_client(about, steps);
  steps.add_states(about.past, std::min(from, loss.elected_ns.value_or(from) - 1), until);
  const bool told = loss.kind == "acknowledgement" && about.sent && about.sent->told_ns == loss.at_ns;
  if (!told && !steps.has(loss.at_ns, loss.node))
    steps.add(Weight::spine, loss.at_ns, loss.kind, loss.node, loss.what);
  return steps.take(kMostLossSteps);
}

std::optional<Explanation::LastChance> last_chance(const LossCase& about, const Loss& loss) {
  const PastBatch& batch = about.batch;
  const Nodes held = batch.holders(loss.at_ns - 1);
  int64_t last = 0;
  Nodes last_nodes;
  bool left = false;
  for (const PastCopy& copy : batch.copies) {
    if (!copy.until_ns) {
      left = true;
    } else if (*copy.until_ns >= last) {
      if (*copy.until_ns > last) last_nodes.clear();
      last = *copy.until_ns;
      last_nodes.push_back(copy.node);
    }
  }
  if (held.empty()) return std::nullopt;
  Explanation::LastChance chance;
  chance.at_ns = loss.at_ns;
  std::string where;
  for (const int32_t node : held) {
    const PastNode* down = about.past.down_at(node, loss.at_ns - 1);
    where += fmt::format("{}broker {}{}", where.empty() ? "" : ", ", node,
                         down == nullptr ? "" : fmt::format(" (down since {})", seconds_text(down->at_ns)));
  }
  if (loss.kind == "acknowledgement" || loss.kind == "high_watermark" || loss.kind == "elr_kept") {
    chance.text = fmt::format("Nothing was lost yet: it was on {}.", where);
    if (loss.kind == "acknowledgement" && loss.committed_ns)
      chance.text += fmt::format(
          " Had the answer waited {}, until the high watermark passed it, it would have been true.",
          lasting_text(*loss.committed_ns - loss.at_ns));
    if (loss.elected_ns)
      chance.text += fmt::format(" It was decided when broker {} was elected at {}.", loss.heir,
                                 seconds_text(*loss.elected_ns));
    return chance;
  }
  if (loss.kind == "power_loss" || loss.kind == "replaced_disk" || loss.kind == "damage") {
    chance.text = fmt::format(
        "Up to then it was on {}{}. A sync there, or a copy on one more broker, before that moment "
        "would have kept it.",
        where, synced_on(batch, loss.at_ns - 1).empty() ? ", in the page cache only" : "");
    return chance;
  }
  chance.text = fmt::format("Just before it was still on {}.", where);
  Nodes up;
  for (const int32_t node : held) {
    if (node != loss.node && about.past.down_at(node, loss.at_ns) == nullptr) up.push_back(node);
  }
  if (loss.kind == "last_known_leader" && !up.empty()) {
    chance.text += fmt::format(
        " With {} as leader it would be there: after a stop in order it would have stayed eligible, and "
        "an administrator can elect it (ElectLeaders of the type UNCLEAN).",
        brokers(up));
  } else if (loss.kind == "unclean_election" || loss.kind == "last_known_leader" ||
             loss.kind == "election_outside_isr")
    chance.text +=
        " Had one of them come back before the election, or had the election waited for it, it would be "
        "there.";
  if (loss.kind == "leader_alone" || loss.kind == "nothing_promised")
    chance.text +=
        " Had the new leader fetched it before, or had the client waited for the ISR, it would be there.";
  if (last > loss.at_ns && !left)
    chance.text += fmt::format(
        " The last copy, on {}, went at {}; until then it could be got off that disk only by hand.",
        brokers(last_nodes), seconds_text(last));
  if (left) chance.text += " A copy was on a disk to the end.";
  return chance;
}

}  // namespace ksim::sim
