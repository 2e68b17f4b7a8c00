// What broke a rule of Kafka before a record was lost, and so made it possible.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sim/explain/loss.h"
#include "sim/explain/terms.h"
#include "sim/explain/words.h"

namespace ksim::sim {
namespace {

class BrokenRules {
 public:
  BrokenRules(const LossCase& about, const PastEvent* committed) : about_(about), committed_(committed) {}

  std::vector<Loss> before(const Loss& decisive) const {
    std::vector<Loss> found;
    for (const std::optional<Loss>& broken : std::array{early(), wrong_cut(decisive), unflushed(decisive)}) {
      if (broken) found.push_back(*broken);
    }
    return found;
  }

 private:
  const Past& past() const { return about_.past; }
  const PastBatch& batch() const { return about_.batch; }
  bool promised() const { return about_.acks() == -1; }

  std::optional<Loss> early() const {
    if (!about_.sent && about_.acknowledged && committed_ == nullptr) {
      Loss loss = early_answer(about_.appended_ns());
      loss.what =
          fmt::format("Leader {} wrote it at {} and acknowledged it, and no high watermark ever passed it.",
                      about_.appender(), seconds_text(about_.appended_ns()));
      return loss;
    }
    if (!promised() || !about_.sent || about_.sent->outcome != "ok" || !about_.sent->told_ns)
      return lagging_member();
    const int64_t told = *about_.sent->told_ns;
    if (committed_ != nullptr && committed_->at_ns <= told) return lagging_member();
    Loss loss = early_answer(told);
    const Nodes isr = isr_at(told);
    const Nodes lacking = lacking_of(isr, told);
    loss.what = fmt::format(
        "Leader {} acknowledged it under acks=all at {}, {}{}.", about_.appender(), seconds_text(told),
        committed_ == nullptr
            ? std::string("and no high watermark ever passed it")
            : fmt::format("{} before the high watermark passed it at {}",
                          lasting_text(committed_->at_ns - told), seconds_text(committed_->at_ns)),
        lacking.empty() ? std::string()
                        : fmt::format("; of the ISR {} {} did not have it", set_text(isr), brokers(lacking)));
    return loss;
  }

  Nodes isr_at(int64_t at_ns) const {
    const PastState* state = past().state_at(at_ns);
    return state == nullptr ? Nodes{} : state->isr;
  }

  Nodes lacking_of(const Nodes& members, int64_t at_ns) const {
    Nodes lacking;
    for (const int32_t node : members) {
      if (!batch().had(node, at_ns)) lacking.push_back(node);
    }
    return lacking;
  }

  Loss early_answer(int64_t told_ns) const {
    const Nodes lacking = lacking_of(isr_at(told_ns), told_ns);
    Loss loss;
    loss.kind = "acknowledgement";
    loss.broken = true;
    loss.at_ns = told_ns;
    loss.node = about_.appender();
    loss.why = "acks=all may be answered only when every member of the ISR has the record.";
    loss.headline = fmt::format("was acknowledged too early: acks=all was answered while {}",
                                lacking.empty() ? std::string("it was not committed")
                                                : brokers(lacking) + " of the ISR did not have it");
    return loss;
  }

  // The high watermark passed it while a member of the ISR had never had it.
  std::optional<Loss> lagging_member() const {
    if (committed_ == nullptr) return std::nullopt;
    const Nodes isr = past().isr_of_leader(*committed_);
    Nodes lacking;
    for (const int32_t node : isr) {
      if (node != committed_->node && !batch().had(node, committed_->at_ns)) lacking.push_back(node);
    }
    if (lacking.empty()) return without_eligible(isr);
    Loss loss;
    loss.kind = "high_watermark";
    loss.broken = true;
    loss.at_ns = committed_->at_ns;
    loss.node = committed_->node;
    loss.what = fmt::format(
        "Leader {} moved its high watermark to {} at {}, past offset {}, although {} of the ISR {} did "
        "not have it.",
        loss.node, committed_->high_watermark, seconds_text(loss.at_ns), about_.offset, brokers(lacking),
        set_text(isr));
    loss.why = "From then on it counted as committed, and any member of the ISR could be elected.";
    loss.headline =
        fmt::format("counted as committed although {} of the ISR did not have it", brokers(lacking));
    return loss;
  }

  // It was committed while a member of the ELR lacked it. The high watermark stands while the ISR is smaller
  // than min.insync.replicas, and the ELR is empty once it is not (KIP-966).
  std::optional<Loss> without_eligible(const Nodes& isr) const {
    const PastState* state = past().state_at(committed_->at_ns);
    if (state == nullptr) return std::nullopt;
    Nodes lacking;
    for (const int32_t node : state->elr) {
      if (!batch().had(node, committed_->at_ns)) lacking.push_back(node);
    }
    if (lacking.empty()) return std::nullopt;
    const int32_t enough = std::min(past().in_force.min_insync, std::max(past().in_force.replication, 1));
    const bool small = static_cast<int32_t>(isr.size()) < enough;
    Loss loss;
    loss.broken = true;
    loss.kind = small ? "high_watermark" : "elr_kept";
    loss.at_ns = small ? committed_->at_ns : state->at_ns;
    loss.node = small ? committed_->node : lacking.front();
    const std::string passed =
        fmt::format("leader {} moved its high watermark to {} at {}, past offset {}", committed_->node,
                    committed_->high_watermark, seconds_text(committed_->at_ns), about_.offset);
    if (small) {
      loss.what = fmt::format(
          "With the ISR {}, smaller than min.insync.replicas={}, {}. Of the ELR {} {} lacked it and could "
          "still be "
          "elected.",
          set_text(isr), enough, passed, set_text(state->elr), brokers(lacking));
      loss.headline =
          fmt::format("counted as committed with an ISR of {}, though {} of the ELR did not have it",
                      isr.size(), brokers(lacking));
    } else {
      loss.what = fmt::format(
          "At {} the controller kept {} eligible: ISR {}, ELR {}, although the ISR has "
          "min.insync.replicas={} members. Then {}, which {} did not have.",
          seconds_text(state->at_ns), brokers(lacking), set_text(state->isr), set_text(state->elr), enough,
          passed, brokers(lacking));
      loss.headline = fmt::format("counted as committed while {}, which did not have it, stayed in the ELR",
                                  brokers(lacking));
    }
    loss.why = "The ELR holds what is committed only as long as nothing more is committed.";
    return loss;
  }

  // A copy that its node gave up though nothing had come between it and its leader.
  std::optional<Loss> wrong_cut(const Loss& decisive) const {
    for (const PastCopy& copy : batch().copies) {
      if (!copy.until_ns || *copy.until_ns > std::max(decisive.at_ns, about_.horizon_ns)) continue;
      const int64_t at = *copy.until_ns;
      if (copy.gone_by == "recovery" && !power_lost_since(copy.node, copy.from_ns, at)) {
        Loss loss = cut(copy, "recovery");
        loss.what = fmt::format(
            "Broker {} cut the record off at {} when it recovered its log, although its machine had "
            "kept its power.",
            copy.node, seconds_text(at));
        loss.why = "A dead process leaves its page cache: nothing was torn, and recovery had to keep it.";
        loss.headline =
            fmt::format("was cut off by the recovery of broker {}, which had no reason to", copy.node);
        return loss;
      }
      if (copy.gone_by != "truncation") continue;
      const int32_t leader = leader_of_cut(copy.node, at);
      const bool leads = leader == copy.node;
      if (!leads && leader >= 0 && !batch().holds(leader, at)) continue;
      Loss loss = cut(copy, "truncation");
      const PastEvent* event = truncation(copy.node, at);
      const std::string range = event == nullptr
                                    ? std::string()
                                    : fmt::format(" from {} to {}", event->from_offset, event->to_offset);
      const std::string in_spite =
          leads        ? std::string("while it led")
          : leader < 0 ? std::string("though nobody led, and it had no log to compare its own with")
                       : fmt::format("although its leader, broker {}, held offset {} with the same bytes",
                                     leader, about_.offset);
      loss.what =
          fmt::format("Broker {} cut its log{} at {}, {}.", copy.node, range, seconds_text(at), in_spite);
      const bool committed = committed_ != nullptr && committed_->at_ns <= at;
      loss.why =
          committed
              ? fmt::format(
                    "The record was committed since {}: what broker {} cut off lay below the committed end.",
                    seconds_text(committed_->at_ns), copy.node)
              : std::string("Their logs did not part there, so that there was nothing to cut.");
      loss.headline =
          fmt::format("was cut off by broker {}{}", copy.node,
                      committed ? ", below the committed end of the log" : ", with nothing to follow there");
      return loss;
    }
    return std::nullopt;
  }

  // Whom a follower obeyed when it cut its log: by its own word, else by the controller's.
  int32_t leader_of_cut(int32_t node, int64_t at_ns) const {
    int32_t leader = -1;
    for (const PastEvent& event : past().events) {
      if (event.at_ns > at_ns) break;
      if (event.node != node) continue;
      if (event.name == "replica.became_follower") leader = event.leader;
      if (event.name == "replica.became_leader") leader = node;
      if (event.name == "log.loaded") leader = -1;
    }
    if (leader >= 0) return leader;
    const PastState* state = past().state_at(at_ns);
    return state == nullptr || state->leader == node ? -1 : state->leader;
  }

  const PastEvent* truncation(int32_t node, int64_t at_ns) const {
    for (const PastEvent& event : past().events) {
      if (event.name == "log.truncated" && event.node == node && event.at_ns == at_ns &&
          event.to_offset <= about_.offset)
        return &event;
    }
    return nullptr;
  }

  bool power_lost_since(int32_t node, int64_t from_ns, int64_t to_ns) const {
    return std::any_of(past().nodes.begin(), past().nodes.end(), [&](const PastNode& event) {
      return event.node == node && event.at_ns >= from_ns && event.at_ns <= to_ns &&
             (event.what == "power_lost" || event.what == "wiped");
    });
  }

  Loss cut(const PastCopy& copy, std::string kind) const {
    Loss loss;
    loss.kind = std::move(kind);
    loss.broken = true;
    loss.at_ns = *copy.until_ns;
    loss.node = copy.node;
    return loss;
  }

  // flush.messages=1, and yet a power loss took what was acknowledged.
  std::optional<Loss> unflushed(const Loss& decisive) const {
    if (!past().in_force.flush_each || !about_.sent || !about_.sent->told_ns ||
        about_.sent->outcome != "ok" || about_.acks() == 0)
      return std::nullopt;
    for (const PastCopy& copy : batch().copies) {
      if (copy.node != about_.appender() || copy.gone_by != "power loss" ||
          *copy.until_ns < *about_.sent->told_ns || *copy.until_ns > decisive.at_ns)
        continue;
      Loss loss = cut(copy, "unflushed");
      loss.what = fmt::format(
          "Broker {} lost power at {}, and the record was not on its disk, {} after it had "
          "acknowledged it under flush.messages=1.",
          copy.node, seconds_text(loss.at_ns), lasting_text(loss.at_ns - *about_.sent->told_ns));
      loss.why = "With that setting it had to sync the record before it answered.";
      loss.headline = fmt::format(
          "was acknowledged by broker {} before it was synced, in spite of flush.messages=1", copy.node);
      return loss;
    }
    return std::nullopt;
  }

  const LossCase& about_;
  const PastEvent* committed_;
};

}  // namespace

std::vector<Loss> broken_rules(const LossCase& about, const PastEvent* committed, const Loss& decisive) {
  return BrokenRules(about, committed).before(decisive);
}

}  // namespace ksim::sim
