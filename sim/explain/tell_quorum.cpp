// The metadata quorum: M1 to M3.

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

struct RaftState {
  int64_t at_ns = 0;
  int32_t node = -1;
  std::string state;
  int64_t epoch = 0;
  int64_t leader = -1;
  int64_t voted = -1;

  std::string words() const {
    return fmt::format(
        "node {} is {} in epoch {}{}{}", node, state, epoch,
        leader < 0 || leader == node ? "" : fmt::format(", leader {}", leader),
        voted < 0 || (state == "leader" && voted == node) ? "" : fmt::format(", voted for {}", voted));
  }
};

Result<std::vector<RaftState>> raft_states(Database& database, int64_t until_ns, int64_t epochs_back) {
  Query query(
      database,
      fmt::format(
          "SELECT at_ns, node, state, epoch, leader, voted FROM raft_state WHERE at_ns <= {0} AND epoch "
          ">= (SELECT max(epoch) FROM raft_state WHERE at_ns <= {0}) - {1} AND node IN (SELECT node FROM "
          "raft_state WHERE state IN ('candidate', 'prospective', 'leader') OR voted >= 0) ORDER BY at_ns",
          until_ns, epochs_back));
  std::vector<RaftState> states;
  while (query.next())
    states.push_back({query.number(0), static_cast<int32_t>(query.number(1)), query.text(2), query.number(3),
                      query.number(4), query.number(5)});
  TRY(query.end());
  return states;
}

const RaftState* last_of(const std::vector<RaftState>& states, int64_t until_ns, auto fits) {
  const RaftState* last = nullptr;
  for (const RaftState& state : states) {
    if (state.at_ns <= until_ns && fits(state)) last = &state;
  }
  return last;
}

const PastNode* started_before(const Past& past, int32_t node, int64_t at_ns) {
  const PastNode* started = nullptr;
  for (const PastNode& event : past.nodes) {
    if (event.at_ns <= at_ns && event.node == node && event.what == "started") started = &event;
  }
  return started;
}

// Where a node's metadata log ended, by its own last word.
Result<int64_t> metadata_end(const Tale& tale, int32_t node, int64_t at_ns) {
  TRY_ASSIGN(const std::optional<Fact> last,
             tale.last_fact("'log.appended', 'log.truncated', 'log.loaded'",
                            fmt::format("subject = '{}' AND node = {} AND at_ns <= {}", kMetadataPartition,
                                        node, at_ns)));
  if (!last) return int64_t{-1};
  return last->name == "log.truncated" ? last->number("to_offset") : last->number("end_offset");
}

void tell_votes(Tale& tale, const std::vector<RaftState>& states) {
  const PastViolation& violation = tale.violation;
  const int32_t node = number_behind(violation.subject + " " + violation.message, {"node ", "nodes "});
  const int64_t epoch = number_behind(violation.message, {"in epoch ", "epoch "});
  const int64_t at = tale.at_ns();
  const RaftState* now = last_of(states, at, [&](const RaftState& s) { return s.node == node; });
  const std::string is = now == nullptr ? "" : now->words();
  tale.spine(at, "quorum", node, now == nullptr ? violation.message : is);
  const PastNode* started = started_before(tale.past, node, at);
  const std::string again =
      started == nullptr ? "" : fmt::format("was started anew at {}", seconds_text(started->at_ns));
  const std::string_view kind = tale.wrong.kind;
  std::string text;
  if (kind == "vote_not_synced") {
    text = fmt::format(
        "Node {} at {}: {}. It tells others what a power loss would take from it: it had to sync that first.",
        node, seconds_text(at), violation.message);
  } else if (kind == "led_again") {
    const RaftState* first = last_of(
        states, started == nullptr ? at : started->at_ns,
        [&](const RaftState& s) { return s.node == node && s.state == "leader" && s.epoch == epoch; });
    text = fmt::format(
        "Node {} led the quorum in epoch {} since {}, {}, and leads in the same epoch since {}. What it had "
        "appended and not synced may be gone, and something else may come to stand there in that epoch.",
        node, epoch, first == nullptr ? "some time before" : seconds_text(first->at_ns), again,
        seconds_text(at));
  } else if (kind == "vote_forgotten" || kind == "two_votes") {
    const RaftState* vote = last_of(states, at - 1, [&](const RaftState& s) {
      return s.node == node && s.voted >= 0 && s.epoch == epoch;
    });
    text = fmt::format(
        "Node {} {}{}. {}: it may give a second vote in epoch {}, and that epoch get a second leader.", node,
        vote == nullptr
            ? "had voted"
            : fmt::format("voted for {} in epoch {} by {}", vote->voted, epoch, seconds_text(vote->at_ns)),
        again.empty() || (vote != nullptr && started->at_ns < vote->at_ns) ? "" : ", and " + again,
        fmt::format("At {} {}", seconds_text(at), violation.message), epoch);
  } else if (kind == "not_resigned") {
    const RaftState* own =
        last_of(states, at, [&](const RaftState& s) { return s.node == node && s.state == "leader"; });
    const RaftState* other =
        last_of(states, at, [&](const RaftState& s) { return s.state == "leader" && s.epoch > epoch; });
    text = fmt::format("Node {} leads the quorum in epoch {} since {}, and still at {}.", node, epoch,
                       own == nullptr ? "long before" : seconds_text(own->at_ns), seconds_text(at));
    if (other != nullptr)
      text += fmt::format(
          " Node {} leads since {} in epoch {}: the majority that elected it asks node {} no more.",
          other->node, seconds_text(other->at_ns), other->epoch, node);
    else
      text += " It tells the other voters so, and no fetch of theirs comes to it any more.";
    text += " Whom no majority fetches from has to resign; until it does, whoever reaches only it waits.";
  } else {
    text = fmt::format("{} at {}: {}.", violation.subject, seconds_text(at), violation.message);
  }
  tale.found(at, node, text);
}

// Who had how much of the log when its end was said to be committed.
Result<void> tell_majority(Tale& tale, const std::vector<RaftState>& states) {
  const int64_t at = tale.at_ns();
  const RaftState* leader = last_of(states, at, [](const RaftState& s) { return s.state == "leader"; });
  if (leader == nullptr) return {};
  const int64_t mark = number_behind(tale.violation.message, {"the high watermark is "});
  const std::string batch = text_behind(tale.violation.message, "hold ");
  const int64_t batch_epoch = number_behind(batch, {" epoch "});
  std::string ends;
  Nodes told;
  for (const RaftState& state : states) {
    if (contains(told, state.node)) continue;
    told.push_back(state.node);
    TRY_ASSIGN(const int64_t end, metadata_end(tale, state.node, at));
    const PastNode* down = tale.past.down_at(state.node, at);
    ends += fmt::format("{}node {} at {}{}", ends.empty() ? "" : ", ", state.node, end,
                        down == nullptr ? "" : fmt::format(" (down since {})", seconds_text(down->at_ns)));
  }
  std::string text = fmt::format(
      "Node {}, leader of epoch {} since {}, moved the quorum's high watermark to {} at {}: {}. By their own "
      "last words the logs ended so: {}; a log end is not yet on the disk.",
      leader->node, leader->epoch, seconds_text(leader->at_ns), mark, seconds_text(at),
      text_behind(tale.violation.message, "but "), ends);
  if (batch_epoch >= 0 && batch_epoch < leader->epoch)
    text += fmt::format(
        " That record is of epoch {}, before its own: it is committed only with a later one of epoch {}.",
        batch_epoch, leader->epoch);
  tale.spine(at, "committed", leader->node,
             fmt::format("node {} moves the quorum's high watermark to {} in epoch {}", leader->node, mark,
                         leader->epoch));
  tale.found(at, leader->node, text);
  return {};
}

Result<void> tell_lost_metadata(Tale& tale, const std::vector<RaftState>& states) {
  const std::string_view kind = tale.wrong.kind;
  const int64_t at = tale.at_ns();
  const std::string& message = tale.violation.message;
  if (kind == "quorum_watermark") return tell_majority(tale, states);
  if (kind == "vote_for_shorter_log") {
    const int32_t voter = number_behind(message, {"by the vote of node "});
    const int32_t candidate = number_behind(message, {"node "});
    const int64_t epoch = number_behind(message, {"in epoch "});
    const RaftState* vote = nullptr;
    for (const RaftState& s : states) {
      if (vote == nullptr && s.node == voter && s.epoch == epoch && s.voted == candidate) vote = &s;
    }
    const int64_t voted = vote == nullptr ? at : vote->at_ns;
    const std::string logs = message.substr(std::min(message.find("whose log"), message.size()));
    tale.spine(voted, "vote", voter,
               fmt::format("node {} votes for node {} in epoch {}", voter, candidate, epoch));
    tale.found(voted, voter,
               fmt::format("Node {} gave its vote for epoch {} to node {} at {}, {}. It had to refuse: what "
                           "its own log has beyond may be "
                           "committed, and is cut off where node {} leads.",
                           voter, epoch, candidate, seconds_text(voted), logs, candidate));
    return {};
  }
  const int32_t node = number_behind(message + " " + tale.violation.subject, {"node "});
  tale.spine(at, "quorum", node, message);
  tale.found(at, node, fmt::format("At {}: {}.", seconds_text(at), message));
  return {};
}

// Who appended what at an offset that two logs hold with different bytes.
Result<void> tell_parted(Tale& tale) {
  const std::string& message = tale.violation.message;
  const int64_t offset = number_behind(message, {"both hold offset "});
  const int64_t epoch = number_behind(message, {" of epoch "});
  TRY_ASSIGN(
      const std::vector<Fact> appends,
      tale.facts(
          "'log.appended'",
          fmt::format(
              "subject = '{}' AND at_ns <= {} AND json_extract(detail, '$.leader_epoch') = {} AND "
              "json_extract(detail, '$.base_offset') <= {} AND json_extract(detail, '$.end_offset') > {}",
              kMetadataPartition, tale.at_ns(), epoch, offset, offset),
          8));
  std::vector<const Fact*> written;
  for (const Fact& fact : appends) {
    const bool own = fact.number("fetched_epoch") < 0;
    if (own) written.push_back(&fact);
    tale.steps.add(Weight::spine, fact.at_ns, "appended", fact.node,
                   fmt::format("node {} {} offsets {} to {} of epoch {}", fact.node,
                               own ? "writes, as the leader," : "copies", fact.number("base_offset"),
                               fact.number("end_offset") - 1, epoch));
  }
  if (tale.says("another batch before it")) {
    const Fact* copied = nullptr;
    for (const Fact& fact : appends) {
      if (fact.number("fetched_epoch") >= 0) copied = &fact;
    }
    if (copied != nullptr) {
      TRY_ASSIGN(const std::optional<Fact> told,
                 tale.last_fact("'log.epoch_end_told'",
                                fmt::format("subject = '{}' AND at_ns <= {} AND node <> {}",
                                            kMetadataPartition, copied->at_ns, copied->node)));
      tale.found(
          copied->at_ns, copied->node,
          fmt::format("Node {} copied offset {} of epoch {} at {}, though another batch stands before it in "
                      "its log than in its leader's: it had not cut what differs.{}",
                      copied->node, offset, epoch, seconds_text(copied->at_ns),
                      told ? fmt::format(" The last that was asked where an epoch ends was node {}, at {}: "
                                         "of epoch {} it told the end of epoch {}, {}.",
                                         told->node, seconds_text(told->at_ns), told->number("asked_epoch"),
                                         told->number("epoch"), told->number("end_offset"))
                           : ""));
      return {};
    }
  }
  const int32_t node = written.empty() ? number_behind(message, {"nodes "}) : written.back()->node;
  const int64_t at = written.empty() ? tale.at_ns() : written.back()->at_ns;
  std::string text = fmt::format("At {} {}.", seconds_text(tale.at_ns()), message);
  if (written.size() > 1)
    text += fmt::format(
        " Node {} wrote offset {} of epoch {} at {}, and node {} at {}: one leader writes each offset of its "
        "epoch once.",
        written.front()->node, offset, epoch, seconds_text(written.front()->at_ns), node, seconds_text(at));
  tale.found(at, node, text);
  return {};
}

}  // namespace

Result<void> tell_quorum(Tale& tale) {
  TRY_ASSIGN(const std::vector<RaftState> states, raft_states(tale.database, tale.at_ns(), 3));
  Nodes voters = numbers_behind(tale.violation.message, "node ");
  for (const RaftState& state : states) {
    if (!contains(voters, state.node)) voters.push_back(state.node);
    tale.steps.add(state.state == "leader" ? Weight::cause : Weight::context, state.at_ns, "quorum",
                   state.node, state.words());
  }
  tale.steps.add_troubles(tale.past, voters, tale.since(kLookBackNs), tale.at_ns());
  TRY_ASSIGN(const std::vector<Fact> logs,
             tale.facts("'log.truncated', 'raft.snapshot', 'log.loaded'",
                        fmt::format("subject = '{}' AND at_ns <= {}", kMetadataPartition, tale.at_ns()), 8));
  for (const Fact& fact : logs) {
    if (!contains(voters, fact.node)) continue;
    const std::string text =
        fact.name == "log.truncated" ? fmt::format("node {} cuts its metadata log from {} to {}", fact.node,
                                                   fact.number("from_offset"), fact.number("to_offset"))
        : fact.name == "raft.snapshot"
            ? fmt::format("node {} {} a snapshot up to {}", fact.node,
                          fact.number("fetched") == 1 ? "has fetched" : "has made", fact.number("end_offset"))
            : fmt::format("node {} loads its metadata log up to {}", fact.node, fact.number("end_offset"));
    tale.steps.add(fact.name == "raft.snapshot" ? Weight::detail : Weight::cause, fact.at_ns, "log",
                   fact.node, text);
  }
  if (tale.violation.checker == "M1") tell_votes(tale, states);
  if (tale.violation.checker == "M2") return tell_parted(tale);
  if (tale.violation.checker == "M3") return tell_lost_metadata(tale, states);
  return {};
}

}  // namespace ksim::sim
