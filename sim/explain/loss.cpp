#include "sim/explain/loss.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/terms.h"
#include "sim/explain/words.h"

namespace ksim::sim {
namespace {

class Finder {
 public:
  explicit Finder(const LossCase& about)
      : about_(about), terms_(terms_of(about.past)), committed_(committed_by(about)) {}

  Loss find() {
    Loss loss = permitted_or_decisive();
    // What broke a rule before it was what made it possible.
    for (const Loss& broken : broken_rules(about_, committed_, loss)) {
      if (!loss.broken || broken.at_ns <= loss.at_ns) {
        Loss earlier = broken;
        earlier.elected_ns = loss.elected_ns;
        earlier.heir = loss.heir;
        loss = earlier;
      }
    }
    if (committed_ != nullptr) loss.committed_ns = committed_->at_ns;
    return loss;
  }

 private:
  const Past& past() const { return about_.past; }
  const PastBatch& batch() const { return about_.batch; }

  // The last leader that had it, and who came after.
  const Term* heir() const {
    const Term* next = nullptr;
    for (const Term& term : terms_) {
      if (term.elected_ns > about_.horizon_ns) break;
      const bool had_it = term.epoch == batch().leader_epoch || batch().holds(term.leader, term.leads_ns);
      if (term.epoch < batch().leader_epoch || had_it) {
        next = nullptr;
      } else if (next == nullptr) {
        next = &term;
      }
    }
    return next;
  }

  std::optional<int64_t> all_gone() const {
    int64_t last = 0;
    for (const PastCopy& copy : batch().copies) {
      if (!copy.until_ns || *copy.until_ns > about_.horizon_ns) return std::nullopt;
      last = std::max(last, *copy.until_ns);
    }
    return last;
  }

  Loss permitted_or_decisive() const {
    if (about_.suspect >= 0) {
      if (auto loss = why_member_lacks(about_.suspect, about_.horizon_ns)) return *loss;
    }
    const Term* next = heir();
    const std::optional<int64_t> gone = all_gone();
    if (next != nullptr && next->elected_ns <= about_.appended_ns()) return deposed(*next);
    if (gone && (next == nullptr || *gone <= next->leads_ns)) {
      Loss loss = last_copy_gone(*gone);
      if (next != nullptr) {
        loss.elected_ns = next->elected_ns;
        loss.heir = next->leader;
      }
      return loss;
    }
    if (next != nullptr) return elected(*next);
    Loss loss{"",
              about_.horizon_ns,
              about_.suspect,
              "It is missing, and the recorded history does not show what took it.",
              "",
              "is missing",
              false,
              {},
              {},
              -1,
              {}};
    return loss;
  }

  // ---- elections ----

  Loss deposed(const Term& next) const {
    Loss loss;
    loss.kind = about_.acks() == 0 ? "nothing_promised" : "deposed_leader";
    loss.at_ns = about_.appended_ns();
    loss.node = about_.appender();
    loss.elected_ns = next.elected_ns;
    loss.heir = next.leader;
    loss.what = fmt::format(
        "Broker {} wrote it at {} in epoch {}, though broker {} had been elected for epoch {} at {}.",
        loss.node, seconds_text(loss.at_ns), batch().leader_epoch, next.leader, next.epoch,
        seconds_text(next.elected_ns));
    loss.why = fmt::format("It had not heard of it, and with {} it asks nobody before it answers.",
                           acks_words(about_.acks()));
    loss.headline =
        fmt::format("was taken by broker {}, which had been replaced by broker {} and did not know",
                    loss.node, next.leader);
    return loss;
  }

  Loss elected(const Term& next) const {
    Loss loss;
    loss.at_ns = next.elected_ns;
    loss.node = next.leader;
    loss.elected_ns = next.elected_ns;
    loss.heir = next.leader;
    const Nodes holders = batch().holders(next.elected_ns);
    const bool inside = next.before != nullptr && next.before->names(next.leader);
    const PastCopy* own = lost_copy(batch(), next.leader, next.leads_ns);
    const std::string lacks = own == nullptr
                                  ? "which had never had it"
                                  : fmt::format("which had it no more since {} ({})",
                                                seconds_text(*own->until_ns), gone_words(own->gone_by));
    if (inside && (committed_ != nullptr || about_.sent == std::nullopt)) {
      if (auto member = why_member_lacks(next.leader, next.elected_ns)) {
        member->elected_ns = next.elected_ns;
        member->heir = next.leader;
        return *member;
      }
    }
    const std::string held =
        holders.empty() ? std::string() : fmt::format(" It was then on {}.", brokers(holders));
    if (inside) {
      const bool alone = about_.acks() == 1;
      loss.kind = about_.acks() == 0 ? "nothing_promised" : "leader_alone";
      loss.what =
          fmt::format("Broker {}, {}, was elected from the ISR {} for epoch {} at {}.{}", next.leader, lacks,
                      set_text(next.before->isr), next.epoch, seconds_text(next.elected_ns), held);
      loss.why = alone ? "The election was clean: with acks=1 the leader had answered for itself alone, "
                         "before the others had it."
                       : "The election was clean: the record was not committed yet.";
      loss.headline = fmt::format("was on its leader only when broker {} took over{}", next.leader,
                                  alone ? ": acks=1 waits for nobody else" : "");
      return loss;
    }
    tell_unclean(next, lacks, held, loss);
    return loss;
  }

  void tell_unclean(const Term& next, const std::string& lacks, const std::string& held, Loss& loss) const {
    const PastState empty;
    const PastState& before = next.before == nullptr ? empty : *next.before;
    const std::string absent = absent_words(past(), before, next.elected_ns);
    const std::string because =
        absent.empty() ? std::string() : fmt::format(" Nobody else could lead: {}.", absent);
    loss.what = fmt::format(
        "Broker {}, {}, was made leader for epoch {} at {} by an unclean election: the ISR was {}, the ELR "
        "{}.{}",
        next.leader, lacks, next.epoch, seconds_text(next.elected_ns), set_text(before.isr),
        set_text(before.elr), held);
    const PastCall* asked = nullptr;
    for (const PastCall& call : past().elections) {
      if (call.invoked_ns <= next.elected_ns && (!call.completed_ns || *call.completed_ns >= next.elected_ns))
        asked = &call;
    }
    if (asked != nullptr && !past().in_force.unclean_election) {
      loss.kind = "unclean_election";
      loss.why = fmt::format("{} had asked for it at {} (ElectLeaders of the type UNCLEAN).{}", asked->client,
                             seconds_text(asked->invoked_ns), because);
    } else if (past().in_force.unclean_election) {
      loss.kind = "unclean_election";
      loss.why = "unclean.leader.election.enable=true allowed it" +
                 (asked == nullptr ? std::string(".")
                                   : fmt::format(", and {} had asked for it at {}.", asked->client,
                                                 seconds_text(asked->invoked_ns))) +
                 because;
    } else if (last_known(next)) {
      loss.kind = "last_known_leader";
      loss.why = emptied_words(before, next.elected_ns, loss) + because;
    } else {
      loss.kind = "election_outside_isr";
      loss.broken = true;
      loss.what = fmt::format(
          "Broker {}, {}, was elected for epoch {} at {} though neither the ISR {} nor the ELR {} named "
          "it.{}",
          next.leader, lacks, next.epoch, seconds_text(next.elected_ns), set_text(before.isr),
          set_text(before.elr), held);
      loss.why =
          "unclean.leader.election.enable is off and nobody had asked for an unclean election: the "
          "controller must not.";
    }
    loss.headline =
        fmt::format("was lost when broker {}, {}, was made leader from outside the ISR", next.leader,
                    lost_copy(batch(), next.leader, next.leads_ns) == nullptr ? "which had never had it"
                                                                              : "which had it no more");
  }

  int32_t leader_from(int64_t elected_ns) const {
    const PastState* state = past().state_at(elected_ns);
    return state == nullptr ? -1 : state->leader;
  }

  // Why ISR and ELR were empty at that election, though the state before it may name somebody: who registers
  // after a stop that was not in order leaves them in the very change that elects another one.
  std::string emptied_words(const PastState& before, int64_t elected_ns, Loss& loss) const {
    constexpr int64_t kAtOnce = 5'000'000;
    Nodes members = before.isr;
    members.insert(members.end(), before.elr.begin(), before.elr.end());
    std::string left;
    for (const int32_t node : members) {
      const PastNode* again = registered_between(past(), node, before.at_ns, elected_ns + kAtOnce);
      if (again == nullptr || again->what == "registered") continue;
      loss.returns.push_back(again);
      left += fmt::format(
          " Broker {} had just come back after a stop that was not in order, and had to leave them: the "
          "controller cannot know what its disk has lost.",
          node);
      if (batch().holds(node, elected_ns - 1))
        left += fmt::format(" It had lost nothing: broker {} held the record until it followed broker {}.",
                            node, leader_from(elected_ns));
    }
    return "Nobody was left in ISR and ELR, so that the leader that was known last had to lead." + left;
  }

  // The leader that was known last, when nobody else is left in ISR and ELR (KIP-966).
  bool last_known(const Term& next) const {
    const PastState* last = nullptr;
    for (const PastState& state : past().states) {
      if (state.at_ns < next.elected_ns && state.leader >= 0) last = &state;
    }
    return last != nullptr && last->leader == next.leader;
  }

  // It is in the ISR or ELR by then, and lacks what is committed.
  std::optional<Loss> why_member_lacks(int32_t node, int64_t by_ns) const {
    if (const PastCopy* own = lost_copy(batch(), node, by_ns)) return lost_and_stayed(node, *own, by_ns);
    return joined_without(node, by_ns);
  }

  std::optional<Loss> lost_and_stayed(int32_t node, const PastCopy& own, int64_t by_ns) const {
    Loss loss;
    loss.node = node;
    const std::string how = fmt::format("Broker {} lost its copy at {}: {}.", node,
                                        seconds_text(*own.until_ns), gone_words(own.gone_by));
    if (own.gone_by == "truncation" || own.gone_by == "recovery") {
      loss.kind = own.gone_by;
      loss.at_ns = *own.until_ns;
      loss.broken = true;
      loss.what = how;
      loss.why = "It went on as a member of the ISR, and could be elected.";
      loss.headline = fmt::format("was cut off by broker {}, which stayed in the ISR", node);
      return loss;
    }
    const PastNode* again = registered_between(past(), node, *own.until_ns, by_ns);
    const PastState* after = again == nullptr ? nullptr : state_after(again->at_ns, by_ns);
    if (again == nullptr || after == nullptr || !after->names(node)) return std::nullopt;
    loss.at_ns = again->at_ns;
    loss.returns.push_back(again);
    const std::string back = fmt::format(
        "{} At {} it registered again {}, and stayed ", how, seconds_text(again->at_ns),
        again->what == "registered" ? "as if it had stopped in order" : "after a stop that was not in order");
    if (!past().in_force.elr && after->isr == Nodes{node}) {
      loss.kind = "lone_member";
      loss.what = fmt::format("{}in the ISR, as its only member: ISR {}.", back, set_text(after->isr));
      loss.why =
          "Eligible leader replicas are off (eligible.leader.replicas.version=0), so that the last member of "
          "an ISR stays in it, and may lead, whatever its disk has lost.";
      loss.headline = fmt::format(
          "was lost when broker {}, the last member of the ISR, came back without it: eligible leader "
          "replicas "
          "are off",
          node);
      return loss;
    }
    loss.kind = "unclean_restart";
    loss.broken = true;
    loss.what = fmt::format("{}eligible: ISR {}, ELR {}.", back, set_text(after->isr), set_text(after->elr));
    loss.why = "Who may have lost records must leave ISR and ELR before it may lead.";
    loss.headline = fmt::format("was lost since broker {} stayed eligible after its disk had lost it", node);
    return loss;
  }

  const PastState* state_after(int64_t at_ns, int64_t by_ns) const {
    // The change that takes it out follows the registration at once.
    constexpr int64_t kAtOnce = 50'000'000;
    return past().state_at(std::min(at_ns + kAtOnce, std::max(at_ns, by_ns)));
  }

  std::optional<Loss> joined_without(int32_t node, int64_t by_ns) const {
    const PastState* joined = nullptr;
    bool inside = false;
    for (const PastState& state : past().states) {
      if (state.at_ns > by_ns) break;
      const bool now = state.names(node);
      if (now && !inside) joined = &state;
      inside = now;
    }
    if (joined == nullptr || !inside || committed_ == nullptr || committed_->at_ns > joined->at_ns)
      return std::nullopt;
    if (batch().had(node, joined->at_ns)) return std::nullopt;
    Loss loss;
    loss.kind = "isr_join";
    loss.broken = true;
    loss.at_ns = joined->at_ns;
    loss.node = node;
    loss.what = fmt::format(
        "Broker {} was taken into the ISR {} at {} without offset {}, which was committed since {}.", node,
        set_text(joined->isr), seconds_text(joined->at_ns), about_.offset, seconds_text(committed_->at_ns));
    loss.why = "From then on it could be elected, and the record was no longer on every eligible replica.";
    loss.headline = fmt::format("was lost since broker {} joined the ISR without it", node);
    return loss;
  }

  // ---- the last copy ----

  Loss last_copy_gone(int64_t at_ns) const {
    Nodes nodes;
    std::string by;
    for (const PastCopy& copy : batch().copies) {
      if (*copy.until_ns != at_ns) continue;
      nodes.push_back(copy.node);
      by = copy.gone_by;
    }
    std::sort(nodes.begin(), nodes.end());
    Loss loss;
    loss.at_ns = at_ns;
    loss.node = nodes.front();
    loss.kind = by == "power loss" ? "power_loss" : by == "replaced disk" ? "replaced_disk" : by;
    loss.broken = by == "recovery";
    const PastFault* fault = past().fault_of(loss.node, at_ns);
    const std::string cause = fault == nullptr ? "" : fmt::format(" (fault: {})", fault_text(*fault));
    const std::string what = by == "power loss"      ? "lost power, and the record was not synced there"
                             : by == "replaced disk" ? "lost the disk"
                             : by == "damage"        ? "cut off its log, which the disk had damaged"
                             : by == "recovery"      ? "cut the record off when it recovered its log"
                             : by == "deletion"      ? "deleted its log up to behind the record"
                                                     : "cut the record off";
    loss.what = fmt::format("At {} {} {}{}. No other copy was left.", seconds_text(at_ns), brokers(nodes),
                            what, cause);
    loss.why = why_so_few(at_ns, nodes);
    loss.headline = fmt::format("was lost when {} {}", brokers(nodes),
                                by == "power loss" ? "lost power with the last copy, which was not synced"
                                : by == "replaced disk" ? "lost the disk that held the last copy"
                                : by == "damage"        ? "cut off a damaged log that held the last copy"
                                                        : "gave up the last copy");
    return loss;
  }

  // What had become of the other copies, or why there were none.
  std::string why_so_few(int64_t at_ns, const Nodes& last) const {
    std::string text;
    for (const PastCopy& copy : batch().copies) {
      if (contains(last, copy.node)) continue;
      text += fmt::format("{}broker {} had lost it at {} ({})", text.empty() ? "Before: " : ", ", copy.node,
                          seconds_text(*copy.until_ns), copy.gone_by);
    }
    if (!text.empty()) return text + "." + decision();
    const PastState* state =
        about_.sent && about_.sent->told_ns ? past().state_at(*about_.sent->told_ns) : past().state_at(at_ns);
    if (state == nullptr) return decision();
    if (last.size() > 1)
      return fmt::format(
          "All {} copies were in page caches when one fault struck all machines that had one.{}", last.size(),
          decision());
    if (about_.acks() == 1)
      return "Nobody else had fetched it yet: with acks=1 the leader had answered for itself alone." +
             decision();
    if (state->isr.size() == 1)
      return fmt::format(
          "The ISR was {} alone when it was acknowledged: min.insync.replicas={} asks for no more.{}",
          set_text(state->isr), past().in_force.min_insync, decision());
    return decision();
  }

  std::string decision() const {
    return past().in_force.flush_each
               ? ""
               : " Nothing had asked for it to be synced (flush.messages is \"never\").";
  }

  const LossCase& about_;
  std::vector<Term> terms_;
  const PastEvent* committed_;
};

}  // namespace

Loss find_loss(const LossCase& about) { return Finder(about).find(); }

}  // namespace ksim::sim
