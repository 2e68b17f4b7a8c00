// What has not come to its end though nothing fails any more: L and LIVELOCK.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/stuck.h"
#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// The last that was seen of a replica: it has stood still since.
struct Sign {
  int32_t node = -1;
  int64_t at_ns = 0;
  int64_t end = -1;
  bool outside = false;  // of the ISR
  bool behind = false;   // its leader
};

class StuckReplicas : public Scene {
 public:
  using Scene::Scene;

  Result<void> tell() {
    TRY(read_signs());
    if (state_ == nullptr) return {};
    TRY_ASSIGN(const bool dead, somebody_cannot_start());
    if (dead) return {};
    if (state_->leader < 0) return nobody_leads();
    const Sign* stuck = nullptr;
    for (const Sign& sign : signs_) {
      if ((sign.behind || sign.outside) && (stuck == nullptr || sign.at_ns < stuck->at_ns)) stuck = &sign;
    }
    if (stuck == nullptr) return all_at_the_end();
    tale_.steps.add_troubles(past_, {stuck->node}, stuck->at_ns - kLookBackNs / 5,
                             stuck->at_ns + kLookBackNs / 5);
    return stuck->behind ? behind(*stuck) : outside(*stuck);
  }

  // Controllers that come and go, though nothing fails any more.
  Result<bool> no_lasting_controller() {
    constexpr int64_t kMinute = 60'000'000'000;
    constexpr size_t kMany = 5;
    TRY_ASSIGN(const std::vector<Fact> reigns, tale_.facts("'controller.activated', 'controller.deactivated'",
                                                           fmt::format("at_ns <= {}", tale_.at_ns()), 1000));
    const auto begun_in = [&](int64_t from_ns, int64_t to_ns) {
      return static_cast<size_t>(std::count_if(reigns.begin(), reigns.end(), [&](const Fact& fact) {
        return fact.name == "controller.activated" && fact.at_ns > from_ns && fact.at_ns <= to_ns;
      }));
    };
    if (begun_in(tale_.at_ns() - kMinute, tale_.at_ns()) < kMany) return false;
    for (const Fact& fact : reigns) {
      if (fact.name != "controller.deactivated" || begun_in(fact.at_ns, fact.at_ns + kMinute) < kMany)
        continue;
      int64_t since = 0;
      for (const Fact& other : reigns) {
        if (other.name == "controller.activated" && other.node == fact.node && other.at_ns < fact.at_ns)
          since = other.at_ns;
      }
      Query query(tale_.database, fmt::format("SELECT state FROM raft_state WHERE node = {} AND at_ns "
                                              "BETWEEN {} AND {} ORDER BY at_ns LIMIT 1",
                                              fact.node, fact.at_ns - 1'000'000, fact.at_ns));
      std::string state = "no leader any more";
      while (query.next()) state = query.text(0);
      TRY(query.end());
      tale_.spine(
          fact.at_ns, "controller", fact.node,
          fmt::format("node {} is no more the active controller, epoch {}", fact.node, fact.number("epoch")));
      tale_.found(fact.at_ns, fact.node,
                  fmt::format("Node {} was the active controller of epoch {} since {}, and is {} at {}, "
                              "after {}. So it goes on: {} controllers came in the last minute of the run, "
                              "{} in all, and none stays for long enough.",
                              fact.node, fact.number("epoch"), seconds_text(since), state,
                              seconds_text(fact.at_ns), lasting_text(fact.at_ns - since),
                              begun_in(tale_.at_ns() - kMinute, tale_.at_ns()), begun_in(0, tale_.at_ns())),
                  "no_lasting_controller");
      tale_.page.rule =
          Explanation::Rule{"KIP-595: who leads the quorum",
                            "A leader stays until another one is elected, or until a majority has not "
                            "fetched from it for 1.5 times the "
                            "fetch timeout: every fetch of a voter moves the end of that time."};
      return true;
    }
    return false;
  }

 private:
  Result<void> read_signs() {
    Nodes nodes = tale_.replicas();
    for (const PastEvent& event : past_.events) {
      if (!contains(nodes, event.node)) nodes.push_back(event.node);
    }
    for (const int32_t node : nodes) {
      TRY_ASSIGN(const std::optional<Fact> last,
                 tale_.last_fact("'log.appended', 'log.truncated', 'log.loaded'",
                                 fmt::format("subject = {} AND node = {} AND at_ns <= {}",
                                             sql_text(partition_), node, tale_.at_ns())));
      if (!last) continue;
      signs_.push_back(
          {node, last->at_ns,
           last->name == "log.truncated" ? last->number("to_offset") : last->number("end_offset"), false,
           false});
    }
    for (Sign& sign : signs_) {
      const bool leads = state_ != nullptr && state_->leader == sign.node;
      if (leads) leader_end_ = sign.end;
      sign.outside = state_ != nullptr && !contains(state_->isr, sign.node);
      const PastNode* down = past_.down_at(sign.node, tale_.at_ns());
      const int32_t follows = past_.followed(sign.node, tale_.at_ns());
      const std::string role = down != nullptr ? fmt::format("is down since {}", seconds_text(down->at_ns))
                               : leads         ? std::string("leads")
                               : follows >= 0  ? fmt::format("follows broker {}", follows)
                                               : std::string("follows nobody");
      tale_.spine(sign.at_ns, "last sign", sign.node,
                  fmt::format("broker {} {}; its log ends at {}, and nothing has moved there since",
                              sign.node, role, sign.end));
    }
    for (Sign& sign : signs_) sign.behind = leader_end_ >= 0 && sign.end != leader_end_;
    return {};
  }

  Nodes everybody() const {
    Nodes nodes;
    for (const PastNode& event : past_.nodes) {
      if (!contains(nodes, event.node)) nodes.push_back(event.node);
    }
    return nodes;
  }

  // A node whose process ends again and again, for the reason that it logs.
  Result<bool> somebody_cannot_start() {
    for (const int32_t node : everybody()) {
      const std::string lines = fmt::format(
          "node = {} AND at_ns <= {} AND json_extract(detail, '$.level') = 3", node, tale_.at_ns());
      TRY_ASSIGN(const std::optional<Fact> last, tale_.last_fact("'log.line'", lines));
      if (!last || last->at_ns < tale_.at_ns() - 5'000'000'000) continue;
      TRY_ASSIGN(const Stretch all,
                 counted(tale_.database, fmt::format("SELECT at_ns AS at FROM event WHERE name = 'log.line' "
                                                     "AND {} AND json_extract(detail, '$.text') = {}",
                                                     lines, sql_text(last->text("text")))));
      const PastNode* start = nullptr;
      for (const PastNode& event : past_.nodes) {
        if (event.node == node && event.at_ns <= all.first_ns && event.what != "started" &&
            (start == nullptr || event.at_ns > start->at_ns))
          start = &event;
      }
      TRY_ASSIGN(
          const std::optional<Fact> loads,
          tale_.last_fact("'log.loaded'", fmt::format("node = {} AND at_ns <= {}", node, all.first_ns)));
      tale_.steps.add_troubles(past_, {node}, all.first_ns - kLookBackNs / 2, all.first_ns);
      tale_.spine(all.first_ns, "log", node,
                  fmt::format("{} logs: {}", past_.name_of(node), last->text("text")));
      tale_.found(
          all.first_ns, node,
          fmt::format("{} logs at {}, and {} until {}: {}. It does not get beyond that.{}{}",
                      past_.name_of(node), seconds_text(all.first_ns), times_words(all.times),
                      seconds_text(all.last_ns), last->text("text"),
                      start == nullptr ? ""
                                       : fmt::format(" Before, at {}: {}.", seconds_text(start->at_ns),
                                                     node_words(start->what)),
                      loads ? fmt::format(" The last that it had loaded, at {}, was {}, {} to {}.",
                                          seconds_text(loads->at_ns), loads->subject,
                                          loads->number("start_offset"), loads->number("end_offset"))
                            : ""),
          "cannot_start");
      return true;
    }
    return false;
  }

  // Its log does not come to where its leader's ends.
  Result<void> behind(const Sign& sign) {
    const int32_t leader = state_->leader;
    std::string text = fmt::format(
        "Broker {} has come to offset {} and no further since {}, while the leader, broker {}, came to {}.",
        sign.node, sign.end, seconds_text(sign.at_ns), leader, leader_end_);
    const std::string where = fmt::format("at_ns BETWEEN {} AND {} AND subject = {}", sign.at_ns + 1,
                                          tale_.at_ns(), sql_text(partition_));
    TRY_ASSIGN(
        const Stretch cuts,
        counted(tale_.database,
                fmt::format(
                    "SELECT at_ns AS at FROM event WHERE name = 'log.divergence_cut' AND node = {} AND {}",
                    sign.node, where)));
    TRY_ASSIGN(const Stretch fetches,
               counted(tale_.database,
                       fmt::format("SELECT asked_ns AS at FROM call WHERE client = 'broker-{}' AND server = "
                                   "'broker-{}' AND api = 'Fetch' AND asked_ns BETWEEN {} AND {}",
                                   sign.node, leader, sign.at_ns + 1, tale_.at_ns())));
    if (cuts.times > 1) {
      TRY_ASSIGN(const std::optional<Fact> cut,
                 tale_.last_fact("'log.divergence_cut'", where + fmt::format(" AND node = {}", sign.node)));
      TRY_ASSIGN(const std::vector<Fact> told,
                 tale_.facts("'log.epoch_end_told'",
                             where + fmt::format(" AND node = {} AND json_extract(detail, '$.epoch') = {}",
                                                 leader, cut->number("epoch")),
                             6));
      text += fmt::format(
          " Since {} it was told {} that its log parts from its leader's: the leader ends epoch {} at {}, it "
          "cuts to there, which changes nothing, and asks again",
          seconds_text(cuts.first_ns), times_words(cuts.times), cut->number("epoch"),
          cut->number("end_offset"));
      std::string epochs;
      for (const Fact& fact : told) {
        const std::string epoch = fmt::format("{}", fact.number("asked_epoch"));
        if (epochs.find(epoch) == std::string::npos) epochs += (epochs.empty() ? "" : " and ") + epoch;
      }
      text +=
          epochs.empty() ? "." : fmt::format(", each time with epoch {} as that of its last record.", epochs);
      text += " One of the two does not know where its epochs begin and end.";
      tale_.spine(cuts.first_ns, "cut", sign.node,
                  fmt::format("broker {} is told to cut its log at {} (epoch {}), {} from here on", sign.node,
                              cut->number("end_offset"), cut->number("epoch"), times_words(cuts.times)));
      tale_.found(cuts.first_ns, sign.node, text + epoch_words(sign), "endless_cut");
      return {};
    }
    text += fetches.times == 0
                ? fmt::format(" It has not asked broker {} for anything since.", leader)
                : fmt::format(
                      " It has asked broker {} for records {} since, the last time at {}{}.", leader,
                      times_words(fetches.times), seconds_text(fetches.last_ns),
                      fetches.last_ns < tale_.at_ns() - 5'000'000'000 ? "" : ", and was given none of these");
    TRY_ASSIGN(const std::vector<PastBatch> batches,
               read_batches(tale_.database, partition_, "", sign.end - 1));
    for (const PastBatch& own : batches) {
      for (const PastBatch& other : batches) {
        if (own.id == other.id || !own.holds(sign.node, tale_.at_ns()) || !other.holds(leader, tale_.at_ns()))
          continue;
        text += fmt::format(
            " At offset {} it has a batch of epoch {}, and broker {} one of epoch {}: it has to be told "
            "where to cut.",
            sign.end - 1, own.leader_epoch, leader, other.leader_epoch);
      }
    }
    const bool silent = fetches.times == 0 || fetches.last_ns < tale_.at_ns() - 5'000'000'000;
    text += epoch_words(sign);
    tale_.found(sign.at_ns, sign.node, text, silent ? "silent_follower" : "vain_fetches");
    return {};
  }

  // Whom it follows by its own word, and in which epoch; and what the controller has come to.
  std::string epoch_words(const Sign& sign) const {
    const PastEvent* role = nullptr;
    for (const PastEvent& event : past_.events) {
      if (event.node == sign.node &&
          (event.name == "replica.became_follower" || event.name == "replica.became_leader"))
        role = &event;
    }
    if (role == nullptr) return fmt::format(" Broker {} never took a role in {}.", sign.node, partition_);
    std::string text = role->name == "replica.became_leader"
                           ? fmt::format(" By its own word it leads since {}, in epoch {}",
                                         seconds_text(role->at_ns), role->leader_epoch)
                           : fmt::format(" It follows broker {} since {}, in epoch {}", role->leader,
                                         seconds_text(role->at_ns), role->leader_epoch);
    for (const PastEvent& event : past_.events) {
      if (event.name == "replica.became_leader" && event.node == role->leader &&
          event.leader_epoch == role->leader_epoch)
        text += fmt::format(" (broker {} leads in it since {})", event.node, seconds_text(event.at_ns));
    }
    return text + (role->leader_epoch == state_->leader_epoch
                       ? ", which is that of the controller."
                       : fmt::format("; the controller has come to epoch {} at {}.", state_->leader_epoch,
                                     seconds_text(state_->at_ns)));
  }

  // It has all of the log and is not taken into the ISR.
  Result<void> outside(const Sign& sign) {
    const int32_t leader = state_->leader;
    TRY_ASSIGN(const std::optional<Fact> proposed,
               tale_.last_fact("'isr.proposed'", fmt::format("subject = {} AND node = {} AND at_ns <= {}",
                                                             sql_text(partition_), leader, tale_.at_ns())));
    const bool asked =
        proposed && proposed->at_ns > state_->at_ns && contains(proposed->nodes("isr"), sign.node);
    std::string text = fmt::format("Broker {} has all of the log since {} and is not in the ISR {}.",
                                   sign.node, seconds_text(sign.at_ns), set_text(state_->isr));
    TRY_ASSIGN(const Stretch fetches,
               counted(tale_.database,
                       fmt::format("SELECT asked_ns AS at FROM call WHERE client = 'broker-{}' AND server = "
                                   "'broker-{}' AND api = 'Fetch' AND asked_ns BETWEEN {} AND {}",
                                   sign.node, leader, sign.at_ns + 1, tale_.at_ns())));
    text += fetches.times == 0
                ? fmt::format(" It asked broker {} for nothing since.", leader)
                : fmt::format(" It asked broker {} for records {} since, the last time at {}.", leader,
                              times_words(fetches.times), seconds_text(fetches.last_ns));
    if (asked) {
      TRY_ASSIGN(const std::vector<Asked> calls,
                 tale_.asked(fmt::format("client = 'broker-{}' AND api = 'AlterPartition' AND asked_ns >= {}",
                                         leader, proposed->at_ns),
                             200));
      text += fmt::format(
          " Leader {} proposed {} at {}, on top of partition epoch {} and leader epoch {}, and the "
          "controller never came to that",
          leader, set_text(proposed->nodes("isr")), seconds_text(proposed->at_ns),
          proposed->number("partition_epoch"), proposed->number("leader_epoch"));
      text +=
          calls.empty()
              ? std::string(": it sent no AlterPartition after that.")
              : fmt::format("; {} AlterPartition went to controllers after that, the last one at {} ({}).",
                            calls.size(), seconds_text(calls.back().asked_ns), calls.back().fate);
      tale_.spine(proposed->at_ns, "proposed", leader,
                  fmt::format("leader {} proposes the ISR {}", leader, set_text(proposed->nodes("isr"))));
      tale_.found(proposed->at_ns, leader, text, "proposal_ignored");
      return {};
    }
    text += fmt::format(" Leader {} has not proposed it since the ISR became {} at {}", leader,
                        set_text(state_->isr), seconds_text(state_->at_ns));
    text += proposed ? fmt::format("; the last that it proposed was {} at {}.",
                                   set_text(proposed->nodes("isr")), seconds_text(proposed->at_ns))
                     : std::string(".");
    const bool silent = fetches.times == 0 || fetches.last_ns < tale_.at_ns() - 5'000'000'000;
    tale_.found(sign.at_ns, silent ? sign.node : leader, text + epoch_words(sign),
                silent ? "silent_follower" : "not_proposed");
    return {};
  }

  Result<void> all_at_the_end() {
    const PastEvent* mark = nullptr;
    for (const PastEvent& event : past_.events) {
      if (event.name == "replica.high_watermark" && event.node == state_->leader &&
          event.at_ns <= tale_.at_ns())
        mark = &event;
    }
    if (mark == nullptr || mark->high_watermark >= leader_end_) return {};
    tale_.spine(mark->at_ns, "watermark", mark->node,
                fmt::format("leader {} moves its high watermark to {}: the last time", mark->node,
                            mark->high_watermark));
    tale_.found(mark->at_ns, mark->node,
                fmt::format("Leader {} moved its high watermark to {} at {} and no further, though its log "
                            "and those of the ISR {} come to {}.{}",
                            mark->node, mark->high_watermark, seconds_text(mark->at_ns),
                            set_text(state_->isr), leader_end_, leader_words()),
                "watermark_stands");
    return {};
  }

  Result<void> nobody_leads() {
    TRY_ASSIGN(const std::optional<Fact> controller, tale_.active_controller(tale_.at_ns()));
    std::string text = fmt::format("Nobody leads {} since {}: leader epoch {}, ISR {}, ELR {}.", partition_,
                                   seconds_text(state_->at_ns), state_->leader_epoch, set_text(state_->isr),
                                   set_text(state_->elr));
    int64_t at = state_->at_ns;
    for (const int32_t node : state_->isr.empty() ? state_->elr : state_->isr) {
      const PastNode* said = nullptr;
      for (const PastNode& event : past_.nodes) {
        if (event.node == node && event.at_ns <= tale_.at_ns() && event.what.ends_with("fenced"))
          said = &event;
      }
      if (said == nullptr) continue;
      text += fmt::format(" Broker {} was {} at {}.", node, said->what, seconds_text(said->at_ns));
      if (said->what == "unfenced") at = std::max(at, said->at_ns);
    }
    tale_.spine(at, "leaderless", controller ? controller->node : -1,
                fmt::format("{} has no leader from here on, though one may lead", partition_));
    if (controller)
      text += fmt::format(" The active controller is node {}, since {}.", controller->node,
                          seconds_text(controller->at_ns));
    tale_.found(at, controller ? controller->node : -1, text, "left_leaderless");
    return {};
  }

  std::vector<Sign> signs_;
  int64_t leader_end_ = -1;
};

// Calls of clients that are still open, and who the controller is.
Result<void> tell_waiting(Tale& tale) {
  const std::string which =
      tale.page.partition.empty() ? "" : " AND partition = " + sql_text(tale.page.partition);
  Query query(
      tale.database,
      fmt::format(
          "SELECT client, kind, min(invoked_ns), count(*), coalesce(partition, '') FROM op "
          "WHERE completed_ns IS NULL AND invoked_ns <= {}{} GROUP BY client, kind ORDER BY 3 LIMIT 4",
          tale.at_ns(), which));
  while (query.next())
    tale.spine(query.number(2), "waits", -1,
               fmt::format("{} calls {} of {} and waits to the end ({} such calls)", query.text(0),
                           query.text(1), query.text(4), query.number(3)));
  TRY(query.end());
  TRY_ASSIGN(const std::vector<Fact> reigns, tale.facts("'controller.activated', 'controller.deactivated'",
                                                        fmt::format("at_ns <= {}", tale.at_ns()), 2));
  for (const Fact& fact : reigns)
    tale.steps.add(
        Weight::cause, fact.at_ns, "controller", fact.node,
        fmt::format("node {} {} the active controller, epoch {}", fact.node,
                    fact.name == "controller.activated" ? "becomes" : "is no more", fact.number("epoch")));
  return {};
}

// Nobody decides any more: what each voter was last, and whom it took for the leader.
Result<void> tell_no_controller(Tale& tale) {
  TRY_ASSIGN(const std::optional<Fact> last,
             tale.last_fact("'controller.deactivated'", fmt::format("at_ns <= {}", tale.at_ns())));
  Query query(
      tale.database,
      fmt::format("SELECT node, state, epoch, leader, max(at_ns) FROM raft_state WHERE at_ns <= {} AND node "
                  "IN (SELECT node FROM raft_state WHERE voted >= 0 OR state = 'leader') GROUP BY node "
                  "ORDER BY node",
                  tale.at_ns()));
  std::string voters;
  int32_t leader = -1;
  int64_t since = tale.at_ns();
  while (query.next()) {
    const auto node = static_cast<int32_t>(query.number(0));
    const std::string whom = query.number(3) < 0       ? "nobody"
                             : query.number(3) == node ? "itself"
                                                       : fmt::format("node {}", query.number(3));
    voters += fmt::format("{}node {} is {} in epoch {} since {} and takes {} for the leader",
                          voters.empty() ? "" : ", ", node, query.text(1), query.number(2),
                          seconds_text(query.number(4)), whom);
    tale.spine(
        query.number(4), "quorum", node,
        fmt::format("node {} is {} in epoch {}: the last that it was", node, query.text(1), query.number(2)));
    if (query.text(1) == "resigned" || query.text(1) == "leader") leader = node, since = query.number(4);
  }
  TRY(query.end());
  if (leader < 0 && last) leader = last->node, since = last->at_ns;
  tale.found(since, leader,
             fmt::format("No controller is active. Of the quorum {}.{}", voters,
                         last ? fmt::format(" The last that was active was node {}, until {}.", last->node,
                                            seconds_text(last->at_ns))
                              : ""),
             "no_controller");
  return {};
}

// "producer-4 gets no record into orders-0: REQUEST_TIMED_OUT"
std::string partition_in(const std::string& message) {
  for (const std::string_view words : {"gets no record into ", "gets no record deleted from "}) {
    const size_t at = message.find(words);
    if (at == std::string::npos) continue;
    const size_t begin = at + words.size();
    return message.substr(begin, message.find(':', begin) - begin);
  }
  return {};
}

}  // namespace

Result<void> tell_standstill(Tale& tale) {
  const std::string& message = tale.violation.message;
  const size_t yet = message.find("yet ");
  const std::string amiss = yet == std::string::npos ? message : message.substr(yet + 4);
  const std::string who = amiss.substr(0, amiss.find(' '));
  const std::string partition = partition_in(message);
  TRY(tell_waiting(tale));
  if (!partition.empty()) {
    TRY_ASSIGN(const Past past, read_past(tale.database, partition));
    StuckClients clients(tale, past, partition);
    if (message.find(" deleted from ") != std::string::npos) return clients.deletion(who);
    return clients.sender(who, -1, fmt::format("{}.", amiss), "stuck_sender");
  }
  if (tale.says("no controller is active")) return tell_no_controller(tale);
  if (tale.page.partition.empty()) return {};
  TRY(tell_partition(tale, kLookBackNs / 3));
  StuckReplicas replicas(tale, tale.past, tale.page.partition);
  StuckClients clients(tale, tale.past, tale.page.partition);
  if (tale.says("was given up although") || tale.says("sends never completed")) {
    TRY_ASSIGN(const std::optional<SentRecord> sent, read_record(tale.database, tale.violation.record));
    if (!sent) return {};
    return clients.sender(
        sent->client, sent->sent_ns,
        fmt::format("{} sent record {} at {}, and {}.", sent->client, sent->id, seconds_text(sent->sent_ns),
                    sent->told_ns
                        ? fmt::format("gave it up at {} ({})", seconds_text(*sent->told_ns), sent->error)
                        : std::string("was never told of it")),
        tale.says("was given up") ? "given_up" : "stuck_sender");
  }
  TRY_ASSIGN(const bool flaps, replicas.no_lasting_controller());
  if (flaps) return {};
  const bool reader = tale.says("is committed") && !tale.says("but only");
  if (reader) return clients.reader(who);
  return replicas.tell();
}

}  // namespace ksim::sim
