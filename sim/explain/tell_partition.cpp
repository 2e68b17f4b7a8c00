// One partition: who led, who was in sync, what stood at an offset; R3, R6, R7 and R8.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// "leader 2 proposes ..." as a sentence with its time.
std::string sentence(const Tale& tale, int32_t node) {
  std::string text = tale.violation.message;
  const std::string name = fmt::format("{} ", node);
  const size_t begin = text.find(name);
  if (begin == std::string::npos || begin > 10)
    return fmt::format("At {}: {}.", seconds_text(tale.at_ns()), text);
  return fmt::format("At {} broker {} {}.", seconds_text(tale.at_ns()), node,
                     text.substr(begin + name.size()));
}

// Since when it leads, or follows whom.
std::string role_words(const Past& past, int32_t node, int64_t at_ns) {
  const PastEvent* role = nullptr;
  for (const PastEvent& event : past.events) {
    if (event.at_ns > at_ns) break;
    if (event.node == node &&
        (event.name == "replica.became_leader" || event.name == "replica.became_follower"))
      role = &event;
  }
  if (role == nullptr) return "";
  if (role->name == "replica.became_leader")
    return fmt::format(
        " It leads since {} in epoch {}, which began at offset {}; its high watermark was {} then.",
        seconds_text(role->at_ns), role->leader_epoch, role->from_offset, role->high_watermark);
  return role->leader < 0
             ? fmt::format(" Since {} it follows nobody, in epoch {}.", seconds_text(role->at_ns),
                           role->leader_epoch)
             : fmt::format(" It follows broker {} since {} in epoch {}; its log ended at {} then.",
                           role->leader, seconds_text(role->at_ns), role->leader_epoch, role->to_offset);
}

// An election that no rule allows.
void tell_outsider(Tale& tale) {
  const Past& past = tale.past;
  const PastState* now = past.state_at(tale.at_ns());
  const PastState* before = now == nullptr ? nullptr : past.state_before(now->at_ns);
  if (before == nullptr) return;
  const int32_t node = tale.violation.suspect();
  const PastEvent* role = nullptr;
  for (const PastEvent& event : past.events) {
    if (event.node == node && event.at_ns <= now->at_ns && event.to_offset >= 0) role = &event;
  }
  std::string text = fmt::format(
      "Broker {} was elected for epoch {} at {} though neither the ISR {} nor the ELR {} named it; "
      "unclean.leader.election.enable is {}.",
      node, now->leader_epoch, seconds_text(now->at_ns), set_text(before->isr), set_text(before->elr),
      past.in_force.unclean_election ? "on" : "off");
  if (role != nullptr) text += fmt::format(" Its log ended at {} by its own last word.", role->to_offset);
  for (const int32_t member : before->isr) {
    if (const PastNode* down = past.down_at(member, now->at_ns))
      text += fmt::format(" Broker {} of the ISR was down since {} ({}).", member, seconds_text(down->at_ns),
                          down->what);
  }
  tale.found(now->at_ns, node, text, "election_outside_isr");
  tale.page.rule = rule_of("election_outside_isr");
}

void tell_early_proposal(Tale& tale) {
  const std::string& message = tale.violation.message;
  const int32_t leader = number_behind(message, {"leader "});
  const int32_t member = number_behind(message, {"proposes broker "});
  const int64_t end = number_behind(message, {"whose log ends at "});
  const int64_t start = number_behind(message, {"began at "});
  tale.spine(tale.at_ns(), "proposed", leader,
             fmt::format("broker {} proposes broker {} for the ISR", leader, member));
  tale.found(
      tale.at_ns(), leader,
      fmt::format("Leader {} proposed broker {} for the ISR at {}, when the log of broker {} ended at {}.{} "
                  "What lies between {} and {} the "
                  "leader before may have committed: as a member broker {} could be elected without it.",
                  leader, member, seconds_text(tale.at_ns()), member, end,
                  role_words(tale.past, leader, tale.at_ns()), end, start, member));
}

Result<void> tell_epoch_end(Tale& tale) {
  const std::string& message = tale.violation.message;
  const int32_t node = number_behind(message, {"node "});
  if (tale.wrong.kind == "wrong_epoch_end") {
    tale.spine(
        tale.at_ns(), "told", node,
        fmt::format("node {} tells where epoch {} ends: epoch {}, {}", node,
                    number_behind(message, {"where epoch "}), number_behind(message, {"the end of epoch "}),
                    number_behind(message, {fmt::format("the end of epoch {}, ",
                                                        number_behind(message, {"the end of epoch "}))})));
    tale.found(tale.at_ns(), node,
               fmt::format("At {} {}.{} Who asked cuts its log there, or keeps what it had to cut.",
                           seconds_text(tale.at_ns()), message, role_words(tale.past, node, tale.at_ns())));
    return {};
  }
  TRY_ASSIGN(const std::vector<Fact> cuts,
             tale.facts("'log.divergence_cut', 'log.truncated'",
                        fmt::format("subject = {} AND node = {} AND at_ns <= {}",
                                    sql_text(tale.violation.subject), node, tale.at_ns()),
                        6));
  for (const Fact& fact : cuts)
    tale.steps.add(Weight::cause, fact.at_ns, "cut", node,
                   fact.name == "log.truncated"
                       ? fmt::format("node {} cuts its log from {} to {}", node, fact.number("from_offset"),
                                     fact.number("to_offset"))
                       : fmt::format("node {} has cut what differed: its leader ends epoch {} at {}", node,
                                     fact.number("epoch"), fact.number("end_offset")));
  tale.found(tale.at_ns(), node,
             fmt::format("At {} {}.{} What it kept its leader does not have.", seconds_text(tale.at_ns()),
                         message, role_words(tale.past, node, tale.at_ns())));
  return {};
}

Result<void> tell_laggard(Tale& tale) {
  const std::string& message = tale.violation.message;
  const int32_t member = number_behind(message, {"broker "});
  const int32_t leader = number_behind(message, {"end of leader "});
  std::string ends;
  for (const int32_t node : {member, leader}) {
    TRY_ASSIGN(const std::optional<Fact> last,
               tale.last_fact("'log.appended', 'log.truncated', 'log.loaded'",
                              fmt::format("subject = {} AND node = {} AND at_ns <= {}",
                                          sql_text(tale.page.partition), node, tale.at_ns())));
    if (!last) continue;
    const int64_t end =
        last->name == "log.truncated" ? last->number("to_offset") : last->number("end_offset");
    ends += fmt::format("{}that of broker {} at {} (since {})", ends.empty() ? "" : ", ", node, end,
                        seconds_text(last->at_ns));
  }
  TRY_ASSIGN(
      const std::optional<Fact> proposed,
      tale.last_fact("'isr.proposed'", fmt::format("subject = {} AND node = {} AND at_ns <= {}",
                                                   sql_text(tale.page.partition), leader, tale.at_ns())));
  tale.spine(tale.at_ns(), "isr", leader,
             fmt::format("leader {} still counts broker {} as in sync", leader, member));
  tale.found(
      tale.at_ns(), leader,
      fmt::format(
          "Leader {} at {}: {}. Their logs end so: {}. The last change of the ISR that it proposed was {}.{}",
          leader, seconds_text(tale.at_ns()), message, ends,
          proposed
              ? fmt::format("to {} at {}", set_text(proposed->nodes("isr")), seconds_text(proposed->at_ns))
              : std::string("none"),
          role_words(tale.past, leader, tale.at_ns())));
  return {};
}

// With flush.messages=1: who was counted though it had not synced what it had.
Result<void> tell_unsynced(Tale& tale) {
  const int32_t member = number_behind(tale.violation.message, {"and broker "});
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(tale.database, tale.page.partition, "", tale.about()));
  int64_t at = tale.at_ns();
  std::string copied;
  for (const PastBatch& batch : batches) {
    for (const PastCopy& copy : batch.copies) {
      if (copy.node != member || copy.from_ns > tale.at_ns()) continue;
      at = copy.from_ns;
      copied = fmt::format(" Broker {} had copied them at {}, and {}.", member, seconds_text(at),
                           copy.synced_ns
                               ? fmt::format("has them on its disk since {}", seconds_text(*copy.synced_ns))
                               : std::string("never synced them"));
    }
  }
  Query query(
      tale.database,
      fmt::format(
          "SELECT client, coalesce(partition, 'all'), completed_ns FROM op WHERE kind = 'alter_configs' AND "
          "outcome = 'ok' AND completed_ns <= {} ORDER BY completed_ns DESC LIMIT 1",
          at));
  while (query.next()) {
    copied += fmt::format(" The last that was altered before were settings of {}, by {} at {}.",
                          query.text(1), query.text(0), seconds_text(query.number(2)));
    tale.spine(query.number(2), "call", -1,
               fmt::format("{} has altered settings of {}", query.text(0), query.text(1)));
  }
  TRY(query.end());
  const PastState* state = tale.past.state_at(tale.at_ns());
  const int32_t leader = state == nullptr ? -1 : state->leader;
  tale.spine(at, "copied", member, fmt::format("broker {} copies them, and does not sync them", member));
  tale.found(at, member,
             fmt::format("Under flush.messages=1 the high watermark came over offset {} at {}, and broker {} "
                         "of ISR or ELR had not synced it.{}{} Before its next "
                         "fetch, which tells the leader that it has them, it had to sync them.",
                         tale.about(), seconds_text(tale.at_ns()), member, copied,
                         leader == member ? " It is the leader itself." : ""));
  return {};
}

// Who followed a leader whose log had another batch there, and kept its own.
void tell_not_cut(Tale& tale, const std::vector<PastBatch>& batches) {
  for (const PastEvent& event : tale.past.events) {
    if (event.name != "replica.became_follower" || event.at_ns > tale.at_ns() || event.leader < 0) continue;
    for (const PastBatch& own : batches) {
      for (const PastBatch& other : batches) {
        const auto both = [&](int64_t at_ns) {
          return own.holds(event.node, at_ns) && other.holds(event.leader, at_ns);
        };
        if (own.id == other.id || own.base_offset != other.base_offset || !both(event.at_ns) ||
            !both(tale.at_ns()))
          continue;
        tale.found(event.at_ns, event.node,
                   fmt::format("Broker {} has followed broker {} since {} (epoch {}), and their logs part at "
                               "offset {}: a batch of "
                               "epoch {} here, of epoch {} there. It had to cut its own off and has kept it.",
                               event.node, event.leader, seconds_text(event.at_ns), event.leader_epoch,
                               own.base_offset, own.leader_epoch, other.leader_epoch),
                   "not_cut");
        tale.spine(event.at_ns, "follows", event.node,
                   fmt::format("broker {} follows {} in epoch {}; its log ends at {}", event.node,
                               event.leader, event.leader_epoch, event.to_offset));
      }
    }
  }
}

// The high watermark with which a follower first took its parting batch for committed.
void tell_watermark_above(Tale& tale, const std::vector<PastBatch>& batches) {
  const int32_t node = number_behind(tale.violation.message, {"node "});
  for (const PastEvent& event : tale.past.events) {
    if (event.node != node || event.name != "replica.high_watermark" || event.at_ns > tale.at_ns()) continue;
    for (const PastBatch& own : batches) {
      if (event.high_watermark <= own.base_offset || !own.holds(node, event.at_ns) ||
          !own.holds(node, tale.at_ns()))
        continue;
      const bool others = std::any_of(batches.begin(), batches.end(), [&](const PastBatch& other) {
        return other.id != own.id && !other.holders(tale.at_ns()).empty();
      });
      if (!others) continue;
      tale.spine(event.at_ns, "watermark", node,
                 fmt::format("broker {} moves its high watermark to {}", node, event.high_watermark));
      tale.found(
          event.at_ns, node,
          fmt::format("Broker {} moved its high watermark to {} at {}, over its batch of epoch {} at offset "
                      "{}, which is not what is committed there.{} "
                      "It had to cut that off before it took over what its leader says of these offsets.",
                      node, event.high_watermark, seconds_text(event.at_ns), own.leader_epoch,
                      own.base_offset, role_words(tale.past, node, event.at_ns)));
      return;
    }
  }
}

}  // namespace

Result<void> tell_partition(Tale& tale, int64_t look_back_ns) {
  const Past& past = tale.past;
  const int64_t from = tale.since(look_back_ns);
  if (const PastState* state = past.state_at(from))
    tale.steps.add(Weight::context, state->at_ns, "before", state->leader,
                   fmt::format("{} in epoch {}: ISR {}",
                               state->leader < 0 ? std::string("nobody leads")
                                                 : fmt::format("broker {} leads", state->leader),
                               state->leader_epoch, set_text(state->isr)));
  tale.steps.add_states(past, from, tale.at_ns());
  tale.steps.add_troubles(past, tale.replicas(), from, tale.at_ns());
  for (const PastEvent& event : past.events) {
    if (event.at_ns < from || event.at_ns > tale.at_ns()) continue;
    if (event.name == "log.truncated" && event.to_offset < event.from_offset)
      tale.steps.add(Weight::cause, event.at_ns, "cut", event.node,
                     fmt::format("broker {} cuts its log from {} to {}", event.node, event.from_offset,
                                 event.to_offset));
    if (event.name == "replica.became_leader")
      tale.steps.add(Weight::context, event.at_ns, "leads", event.node,
                     fmt::format("broker {} begins to lead in epoch {} at offset {}, high watermark {}",
                                 event.node, event.leader_epoch, event.from_offset, event.high_watermark));
    if (event.name == "replica.became_follower")
      tale.steps.add(Weight::detail, event.at_ns, "follows", event.node,
                     event.leader < 0
                         ? fmt::format("broker {} follows nobody in epoch {}; its log ends at {}", event.node,
                                       event.leader_epoch, event.to_offset)
                         : fmt::format("broker {} follows {} in epoch {}; its log ends at {}", event.node,
                                       event.leader, event.leader_epoch, event.to_offset));
  }
  return {};
}

Result<void> tell_leaders(Tale& tale) {
  if (tale.wrong.kind == "unfit_member") return tell_partition_state(tale);
  TRY(tell_partition(tale, kLookBackNs));
  const std::string& checker = tale.violation.checker;
  const int32_t node = tale.violation.suspect();
  if (checker == "R6" && tale.says("was elected")) tell_outsider(tale);
  if (tale.wrong.kind == "early_proposal") tell_early_proposal(tale);
  if (checker == "R7") TRY(tell_epoch_end(tale));
  if (checker == "R8") TRY(tell_laggard(tale));
  if (checker == "R3")
    tale.found(tale.at_ns(), node, sentence(tale, node) + role_words(tale.past, node, tale.at_ns()));
  if (tale.wrong.kind == "unsynced_follower") TRY(tell_unsynced(tale));
  return tale.about() >= 0 && !tale.page.partition.empty() ? tell_offset(tale) : Result<void>{};
}

Result<void> tell_offset(Tale& tale) {
  TRY_ASSIGN(const std::vector<PastBatch> batches,
             read_batches(tale.database, tale.page.partition, "", tale.about()));
  if (tale.wrong.kind == "watermark_above_parting") {
    tell_watermark_above(tale, batches);
  } else if (!tale.blame && tale.wrong.kind == "not_cut") {
    tell_not_cut(tale, batches);
  }
  for (const PastBatch& batch : batches) {
    bool first = true;
    for (const PastCopy& copy : batch.copies) {
      if (copy.from_ns > tale.at_ns()) continue;
      if (tale.page.copies.size() < 10)
        tale.page.copies.push_back({copy.node, copy.from_ns, copy.synced_ns, copy.until_ns,
                                    fmt::format("{}{}epoch {}", copy.gone_by,
                                                copy.gone_by.empty() ? "" : "; of ", batch.leader_epoch)});
      if (first && !tale.steps.has(copy.from_ns, copy.node))
        tale.steps.add(Weight::cause, copy.from_ns, "written", copy.node,
                       fmt::format("broker {} writes offsets {} to {} of epoch {}", copy.node,
                                   batch.base_offset, batch.last_offset, batch.leader_epoch));
      first = false;
      if (copy.until_ns && *copy.until_ns <= tale.at_ns())
        tale.steps.add(Weight::cause, *copy.until_ns, "gone", copy.node,
                       fmt::format("on broker {} they are gone: {}", copy.node, copy.gone_by));
    }
  }
  return {};
}

}  // namespace ksim::sim
