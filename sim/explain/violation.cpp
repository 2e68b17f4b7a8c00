#include "sim/explain/violation.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "sim/explain/past.h"
#include "sim/explain/steps.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr size_t kMostViolationSteps = 26;
constexpr std::string_view kMetadata = "__cluster_metadata-0";
constexpr int64_t kLookBackNs = 15'000'000'000;

class Teller {
 public:
  Teller(Database& database, const PastViolation& violation, const Past& past)
      : database_(database), violation_(violation), past_(past) {}

  Result<Explanation> tell() {
    const char family = violation_.checker.empty() ? '?' : violation_.checker[0];
    page_.subject =
        fmt::format("violation {}: {} in {}", violation_.number, violation_.checker, violation_.subject);
    page_.headline = violation_.message;
    page_.partition = violation_.partition();
    const std::string_view rule = rule_name_of(violation_.checker);
    page_.rule =
        Explanation::Rule{rule.empty() ? violation_.checker : std::string(rule), violation_.invariant};
    if (violation_.checker == "M5" || violation_.checker == "M4") {
      TRY(tell_topics());
    } else if (family == 'M') {
      TRY(tell_quorum());
    } else if (family == 'K' || violation_.checker == "R5" || violation_.checker == "R4") {
      TRY(tell_reader());
    } else if (family == 'P' || family == 'X') {
      TRY(tell_session());
    } else if (family == 'S' || violation_.checker == "R2") {
      TRY(tell_logs());
    } else if (violation_.checker == "L" || violation_.checker == "LIVELOCK") {
      TRY(tell_standstill());
    } else {
      tell_partition(kLookBackNs);
      if (violation_.checker == "R6") tell_election();
    }
    if (about() >= 0 && !page_.partition.empty()) TRY(tell_offset());
    steps_.add(Weight::spine, violation_.at_ns, violation_.checker, violation_.suspect(), violation_.message);
    page_.steps = steps_.take(kMostViolationSteps);
    blame();
    return std::move(page_);
  }

 private:
  // The offset that it is about: "[100..100 epoch 0 crc 8b2320fc]" in its message names one as well. -1:
  // none.
  int64_t about() const {
    if (violation_.offset >= 0) return violation_.offset;
    return violation_.message.find("..") == std::string::npos ? -1 : number_behind(violation_.message, {"["});
  }

  void found(int64_t at_ns, int32_t node, std::string kind, std::string text) {
    blame_ = Explanation::Culprit{at_ns, std::move(kind), node, std::move(text)};
  }

  Nodes replicas() const {
    Nodes nodes;
    for (const PastState& state : past_.states) {
      for (const int32_t node : state.isr) {
        if (!contains(nodes, node)) nodes.push_back(node);
      }
    }
    const int32_t suspect = violation_.suspect();
    if (suspect >= 0 && !contains(nodes, suspect)) nodes.push_back(suspect);
    return nodes;
  }

  int64_t since(int64_t look_back_ns) const { return std::max<int64_t>(0, violation_.at_ns - look_back_ns); }

  // Elections, roles and cuts of the partition, and what struck its replicas.
  void tell_partition(int64_t look_back_ns) {
    const int64_t from = since(look_back_ns);
    if (const PastState* state = past_.state_at(from))
      steps_.add(Weight::spine, state->at_ns, "before", state->leader,
                 fmt::format("broker {} leads in epoch {}: ISR {}", state->leader, state->leader_epoch,
                             set_text(state->isr)));
    steps_.add_states(past_, from, violation_.at_ns);
    steps_.add_troubles(past_, replicas(), from, violation_.at_ns);
    for (const PastEvent& event : past_.events) {
      if (event.at_ns < from || event.at_ns > violation_.at_ns) continue;
      if (event.name == "log.truncated" && event.to_offset < event.from_offset)
        steps_.add(Weight::cause, event.at_ns, "cut", event.node,
                   fmt::format("broker {} cuts its log from {} to {}", event.node, event.from_offset,
                               event.to_offset));
      if (event.name == "replica.became_leader")
        steps_.add(Weight::context, event.at_ns, "leads", event.node,
                   fmt::format("broker {} begins to lead in epoch {} at offset {}, high watermark {}",
                               event.node, event.leader_epoch, event.from_offset, event.high_watermark));
      if (event.name == "replica.became_follower")
        steps_.add(Weight::detail, event.at_ns, "follows", event.node,
                   fmt::format("broker {} follows {} in epoch {}; its log ends at {}", event.node,
                               event.leader, event.leader_epoch, event.to_offset));
    }
  }

  // An election, or a change of the ISR, that no rule allows.
  void tell_election() {
    const PastState* now = past_.state_at(violation_.at_ns);
    const PastState* before = now == nullptr ? nullptr : past_.state_before(now->at_ns);
    if (before == nullptr) return;
    const bool elected = violation_.message.find("was elected") != std::string::npos;
    const int32_t node = violation_.suspect();
    const PastEvent* role = nullptr;
    for (const PastEvent& event : past_.events) {
      if (event.node == node && event.at_ns <= now->at_ns && event.to_offset >= 0) role = &event;
    }
    std::string text = elected ? fmt::format(
                                     "Broker {} was elected for epoch {} at {} though neither the ISR {} nor "
                                     "the ELR {} named it",
                                     node, now->leader_epoch, seconds_text(now->at_ns), set_text(before->isr),
                                     set_text(before->elr))
                               : fmt::format("Broker {} was taken into the ISR {} at {}", node,
                                             set_text(now->isr), seconds_text(now->at_ns));
    text += fmt::format("; unclean.leader.election.enable is {}.",
                        past_.in_force.unclean_election ? "on" : "off");
    if (role != nullptr) text += fmt::format(" Its log ended at {} by its own last word.", role->to_offset);
    for (const int32_t member : before->isr) {
      if (const PastNode* down = past_.down_at(member, now->at_ns))
        text += fmt::format(" Broker {} of the ISR was down since {} ({}).", member,
                            seconds_text(down->at_ns), down->what);
    }
    found(now->at_ns, node, elected ? "election_outside_isr" : "isr_join", text);
    page_.rule = rule_of(elected ? "election_outside_isr" : "isr_join");
  }

  // What stood at the offset in which log.
  Result<void> tell_offset() {
    TRY_ASSIGN(const std::vector<PastBatch> batches, read_batches(database_, page_.partition, "", about()));
    not_cut(batches);
    for (const PastBatch& batch : batches) {
      bool first = true;
      for (const PastCopy& copy : batch.copies) {
        if (copy.from_ns > violation_.at_ns) continue;
        if (page_.copies.size() < 10)
          page_.copies.push_back({copy.node, copy.from_ns, copy.synced_ns, copy.until_ns,
                                  fmt::format("{}{}epoch {}", copy.gone_by,
                                              copy.gone_by.empty() ? "" : "; of ", batch.leader_epoch)});
        if (first)
          steps_.add(Weight::cause, copy.from_ns, "written", copy.node,
                     fmt::format("broker {} writes offsets {} to {} of epoch {}", copy.node,
                                 batch.base_offset, batch.last_offset, batch.leader_epoch));
        first = false;
        if (copy.until_ns && *copy.until_ns <= violation_.at_ns)
          steps_.add(Weight::cause, *copy.until_ns, "gone", copy.node,
                     fmt::format("on broker {} they are gone: {}", copy.node, copy.gone_by));
      }
    }
    return {};
  }

  // Who followed a leader whose log had another batch there, and kept its own.
  void not_cut(const std::vector<PastBatch>& batches) {
    for (const PastEvent& event : past_.events) {
      if (event.name != "replica.became_follower" || event.at_ns > violation_.at_ns || event.leader < 0)
        continue;
      for (const PastBatch& own : batches) {
        for (const PastBatch& other : batches) {
          const auto both = [&](int64_t at_ns) {
            return own.holds(event.node, at_ns) && other.holds(event.leader, at_ns);
          };
          if (own.id == other.id || own.base_offset != other.base_offset || !both(event.at_ns) ||
              !both(violation_.at_ns))
            continue;
          found(event.at_ns, event.node, "not_cut",
                fmt::format("Broker {} has followed broker {} since {} (epoch {}), and their logs part at "
                            "offset {}: a batch of "
                            "epoch {} here, of epoch {} there. It had to cut its own off and has kept it.",
                            event.node, event.leader, seconds_text(event.at_ns), event.leader_epoch,
                            own.base_offset, own.leader_epoch, other.leader_epoch));
          steps_.add(Weight::spine, event.at_ns, "follows", event.node,
                     fmt::format("broker {} follows {} in epoch {}; its log ends at {}", event.node,
                                 event.leader, event.leader_epoch, event.to_offset));
        }
      }
    }
  }

  // The last two epochs of the quorum before it, who voted for whom, and what struck the voters.
  Result<void> tell_quorum() {
    Query query(
        database_,
        fmt::format(
            "SELECT at_ns, node, state, epoch, leader, voted FROM raft_state WHERE at_ns <= {0} AND epoch >= "
            "(SELECT max(epoch) FROM raft_state WHERE at_ns <= {0}) - 2 AND node IN (SELECT node FROM "
            "raft_state WHERE state IN ('candidate', 'prospective', 'leader') OR voted >= 0) ORDER BY at_ns",
            violation_.at_ns));
    Nodes voters = numbers_behind(violation_.message, "node ");
    while (query.next()) {
      const auto node = static_cast<int32_t>(query.number(1));
      if (!contains(voters, node)) voters.push_back(node);
      const std::string state = query.text(2);
      const std::string leader = query.number(4) < 0 ? "" : fmt::format(", leader {}", query.number(4));
      const std::string voted = query.number(5) < 0 ? "" : fmt::format(", voted for {}", query.number(5));
      const std::string text =
          fmt::format("node {} is {} in epoch {}{}{}", node, state, query.number(3), leader, voted);
      steps_.add(state == "leader" ? Weight::cause : Weight::context, query.number(0), "quorum", node, text);
      if (violation_.checker[0] == 'M' && (violation_.suspect() < 0 || violation_.suspect() == node))
        found(query.number(0), node, violation_.checker,
              fmt::format("At {} {}.", seconds_text(query.number(0)), text));
    }
    TRY(query.end());
    steps_.add_troubles(past_, voters, since(kLookBackNs), violation_.at_ns);
    Query logs(
        database_,
        fmt::format(
            "SELECT at_ns, node, name, coalesce(json_extract(detail, '$.from_offset'), -1), "
            "coalesce(json_extract(detail, '$.to_offset'), json_extract(detail, '$.end_offset'), "
            "json_extract(detail, '$.high_watermark'), -1), coalesce(json_extract(detail, '$.epoch'), -1) "
            "FROM "
            "event WHERE subject = '{}' AND at_ns <= {} AND name IN ('log.truncated', 'raft.snapshot', "
            "'raft.high_watermark', 'log.loaded') ORDER BY id DESC LIMIT 12",
            kMetadata, violation_.at_ns));
    while (logs.next()) {
      const auto node = static_cast<int32_t>(logs.number(1));
      const std::string name = logs.text(2);
      const std::string text =
          name == "log.truncated"   ? fmt::format("node {} cuts its metadata log from {} to {}", node,
                                                  logs.number(3), logs.number(4))
          : name == "raft.snapshot" ? fmt::format("node {} has a snapshot up to {}", node, logs.number(4))
          : name == "log.loaded"
              ? fmt::format("node {} loads its metadata log up to {}", node, logs.number(4))
              : fmt::format("node {} moves the quorum's high watermark to {} in epoch {}", node,
                            logs.number(4), logs.number(5));
      steps_.add(name == "raft.high_watermark" ? Weight::detail : Weight::cause, logs.number(0), "log", node,
                 text);
    }
    return logs.end();
  }

  // Calls of administrators about the topic, the controllers that answered, what struck the nodes.
  Result<void> tell_topics() {
    const int64_t from = since(kLookBackNs);
    Query query(
        database_,
        fmt::format(
            "SELECT client, kind, partition, invoked_ns, completed_ns, outcome, coalesce(error, '') FROM op "
            "WHERE partition = {} AND kind IN ('create_topics', 'delete_topics', 'create_partitions', "
            "'alter_configs') AND invoked_ns <= {} AND coalesce(completed_ns, {}) >= {} ORDER BY id DESC "
            "LIMIT 10",
            sql_text(violation_.subject), violation_.at_ns, violation_.at_ns, from));
    while (query.next())
      steps_.add(Weight::cause, query.number_or_null(4).value_or(query.number(3)), "call", -1,
                 fmt::format("{} of {} by {}, asked at {}: {} {}", query.text(1), query.text(2),
                             query.text(0), seconds_text(query.number(3)), query.text(5), query.text(6)));
    TRY(query.end());
    return tell_quorum();
  }

  // What a reader did before: where it stood, what it was given; and how the log changed meanwhile.
  Result<void> tell_reader() {
    tell_partition(kLookBackNs);
    const int32_t reader = number_behind(violation_.message, {"consumer ", "client "});
    const std::string who = reader < 0
                                ? ""
                                : fmt::format(
                                      " AND session = {} AND kind IN ('read', 'assign', 'seek', 'reset', "
                                      "'list_offsets')",
                                      reader);
    if (who.empty()) return {};
    // The positions that were set, and the ends of stretches that were read one after the other.
    Query query(database_, fmt::format("SELECT client, kind, offset, invoked_ns, completed_ns, outcome FROM "
                                       "op WHERE partition = {}{} AND "
                                       "coalesce(completed_ns, invoked_ns) <= {} ORDER BY id DESC LIMIT 60",
                                       sql_text(page_.partition), who, violation_.at_ns));
    int told = 0;
    int64_t expected = -1;
    const std::string leader = leader_words();
    while (query.next() && told < 8) {
      const std::string kind = query.text(1);
      if (query.is_null(2)) continue;
      const int64_t offset = query.number(2);
      const bool goes_on = kind == "read" && offset + 1 == expected;
      if (kind == "read") expected = offset;
      if (goes_on) continue;
      const std::string text =
          kind == "read"           ? fmt::format("{} is handed offset {}", query.text(0), offset)
          : kind == "list_offsets" ? fmt::format("{} is told that the log ends at {}", query.text(0), offset)
          : kind == "assign"       ? fmt::format("{} begins to read at {}", query.text(0), offset)
          : kind == "seek"         ? fmt::format("{} seeks to {}", query.text(0), offset)
                                   : fmt::format("{} resets its position to {}", query.text(0), offset);
      if (told == 0)
        found(query.number_or_null(4).value_or(query.number(3)), -1, violation_.checker,
              fmt::format("At {} {}. {}", seconds_text(query.number_or_null(4).value_or(query.number(3))),
                          text, leader));
      steps_.add(kind == "reset" ? Weight::spine : Weight::cause,
                 query.number_or_null(4).value_or(query.number(3)), kind, -1, text);
      ++told;
    }
    return query.end();
  }

  // Who led when a reader was served, and how far that leader knew the log to be committed.
  std::string leader_words() const {
    const PastEvent* leads = nullptr;
    const PastEvent* first = nullptr;
    const PastEvent* mark = nullptr;
    for (const PastEvent& event : past_.events) {
      if (event.at_ns > violation_.at_ns) break;
      if (event.name == "replica.became_leader") leads = &event, first = mark = nullptr;
      if (leads == nullptr || event.name != "replica.high_watermark" || event.node != leads->node) continue;
      if (first == nullptr) first = &event;
      mark = &event;
    }
    if (leads == nullptr) return "";
    std::string text = fmt::format(
        "Broker {} led since {} in epoch {}; its log began that epoch at {}, with a high watermark of {}",
        leads->node, seconds_text(leads->at_ns), leads->leader_epoch, leads->from_offset,
        leads->high_watermark);
    if (first != nullptr)
      text += fmt::format(", which first moved at {} to {} and stood at {} in the end",
                          seconds_text(first->at_ns), first->high_watermark, mark->high_watermark);
    return text + ".";
  }

  // The sends of the same session around it, and what the client was told of them.
  Result<void> tell_session() {
    tell_partition(kLookBackNs);
    if (violation_.record.empty()) return {};
    page_.record = violation_.record;
    Query query(
        database_,
        fmt::format(
            "SELECT record, client, invoked_ns, completed_ns, outcome, coalesce(error, ''), offset FROM op "
            "WHERE "
            "kind = 'send' AND partition = {0} AND session = (SELECT session FROM record WHERE id = {1}) AND "
            "record BETWEEN printf('%016x', {2}) AND printf('%016x', {3}) ORDER BY id",
            sql_text(page_.partition), sql_text(violation_.record), record_number() - 4,
            record_number() + 1));
    while (query.next()) {
      const bool this_one = query.text(0) == violation_.record;
      steps_.add(this_one ? Weight::spine : Weight::cause, query.number(2), "sent", -1,
                 fmt::format("{} sends record {}", query.text(1), query.text(0)));
      if (query.is_null(3)) continue;
      steps_.add(
          this_one ? Weight::spine : Weight::cause, query.number(3), "told", -1,
          fmt::format("{} is told of {}: {} {}{}", query.text(1), query.text(0), query.text(4), query.text(5),
                      query.is_null(6) ? "" : fmt::format(", offset {}", query.number(6))));
    }
    TRY(query.end());
    TRY_ASSIGN(const std::vector<PastBatch> batches,
               read_batches(database_, page_.partition, violation_.record, -1));
    for (const PastBatch& batch : batches) {
      steps_.add(
          Weight::spine, batch.copies.front().from_ns, "written", batch.copies.front().node,
          fmt::format("broker {} writes a batch with it at offsets {} to {}, leader epoch {}",
                      batch.copies.front().node, batch.base_offset, batch.last_offset, batch.leader_epoch));
    }
    return tell_unanswered();
  }

  int64_t record_number() const {
    int64_t number = 0;
    std::from_chars(violation_.record.data(), violation_.record.data() + violation_.record.size(), number,
                    16);
    return number;
  }

  // Requests whose answer never came: those are sent again.
  Result<void> tell_unanswered() {
    Query query(
        database_,
        fmt::format(
            "SELECT client, server, asked_ns, fate FROM call WHERE api = 'Produce' AND fate <> 'answered' "
            "AND client = (SELECT client FROM op WHERE kind = 'send' AND record = {} LIMIT 1) AND "
            "asked_ns BETWEEN {} AND {} ORDER BY asked_ns DESC LIMIT 4",
            sql_text(violation_.record), since(kLookBackNs), violation_.at_ns));
    while (query.next())
      steps_.add(
          Weight::cause, query.number(2), "unanswered", -1,
          fmt::format("a Produce request of {} to {}: {}", query.text(0), query.text(1), query.text(3)));
    return query.end();
  }

  // What the logs of the node went through: what was appended only last.
  Result<void> tell_logs() {
    const int32_t node = violation_.suspect();
    if (!page_.partition.empty()) tell_partition(kLookBackNs);
    const std::string whose = node < 0 ? "" : fmt::format(" AND node = {}", node);
    const bool of_metadata = violation_.subject.starts_with(kMetadata);
    const std::string log = of_metadata ? std::string(kMetadata) : page_.partition;
    const std::string which = log.empty() ? "" : " AND subject = " + sql_text(log);
    int appended = 0;
    Query query(
        database_,
        fmt::format(
            "SELECT at_ns, node, name, subject, detail FROM event WHERE at_ns <= {}{}{} AND name IN "
            "('log.loaded', "
            "'log.truncated', 'log.rolled', 'log.start_moved', 'log_dir.failed', 'log.appended') ORDER BY id "
            "DESC LIMIT 40",
            violation_.at_ns, whose, which));
    while (query.next()) {
      const std::string name = query.text(2);
      if (name == "log.appended" && ++appended > 2) continue;
      steps_.add(name == "log.appended" || name == "log.rolled" ? Weight::context : Weight::cause,
                 query.number(0), "log", static_cast<int32_t>(query.number(1)),
                 fmt::format("{}: {} of {} {}", past_.name_of(static_cast<int32_t>(query.number(1))), name,
                             query.text(3), fields(query.text(4))));
    }
    TRY(query.end());
    steps_.add_troubles(past_, node < 0 ? replicas() : Nodes{node}, since(2 * kLookBackNs), violation_.at_ns);
    return {};
  }

  // {"log":"orders-1","base_offset":3} without the names that are told already: "base_offset 3".
  static std::string fields(const std::string& json) {
    std::string out;
    for (size_t at = 0; at < json.size();) {
      const size_t begin = json.find('"', at);
      const size_t end = begin == std::string::npos ? begin : json.find('"', begin + 1);
      if (end == std::string::npos) break;
      const std::string name = json.substr(begin + 1, end - begin - 1);
      const size_t value = end + 2;
      size_t stop = std::min(json.find(json[value] == '[' ? ']' : ',', value), json.size());
      if (json[value] == '"') stop = std::min(json.find('"', value + 1) + 1, json.size());
      std::string text = json.substr(value, stop - value);
      while (!text.empty() && (text.back() == '}' || text.back() == '"')) text.pop_back();
      if (!text.empty() && text.front() == '"') text.erase(0, 1);
      if (name != "log" && name != "topic_id" && name != "partition" && name != "topic" && !text.empty())
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, text);
      at = stop;
    }
    return "(" + out + ")";
  }

  // Who waits for whom, and since when nothing has moved.
  Result<void> tell_standstill() {
    tell_partition(4 * kLookBackNs);
    if (page_.partition.empty()) {
      steps_.add_troubles(past_, all_nodes(), since(2 * kLookBackNs), violation_.at_ns);
      return tell_waiting();
    }
    const PastState* state = past_.state_at(violation_.at_ns);
    std::string text;
    int64_t leader_end = -1;
    std::vector<std::pair<int64_t, PastEvent>> signs;
    for (const int32_t node : replicas()) {
      Query query(
          database_,
          fmt::format(
              "SELECT at_ns, name, json_extract(detail, '$.end_offset'), json_extract(detail, "
              "'$.to_offset') FROM event WHERE subject = {} AND node = {} AND at_ns <= {} AND name IN "
              "('log.appended', 'log.truncated', 'log.loaded') ORDER BY id DESC LIMIT 1",
              sql_text(page_.partition), node, violation_.at_ns));
      if (!query.next()) continue;
      const int64_t end = query.is_null(2) ? query.number(3) : query.number(2);
      const PastNode* down = past_.down_at(node, violation_.at_ns);
      const int32_t follows = past_.followed(node, violation_.at_ns);
      const std::string role = down != nullptr ? fmt::format("is down since {}", seconds_text(down->at_ns))
                               : state != nullptr && state->leader == node ? std::string("leads")
                               : follows >= 0 ? fmt::format("follows broker {}", follows)
                                              : std::string("follows nobody");
      steps_.add(Weight::spine, query.number(0), "last sign", node,
                 fmt::format("broker {} {}; its log ends at {}, and nothing has moved there since", node,
                             role, end));
      if (state != nullptr && state->leader == node) leader_end = end;
      PastEvent sign;
      sign.node = node;
      sign.at_ns = query.number(0);
      sign.to_offset = end;
      signs.emplace_back(end, sign);
      text += fmt::format("{}broker {} {} (log end {}, unmoved since {})", text.empty() ? "" : ", ", node,
                          role, end, seconds_text(query.number(0)));
    }
    // Who has stood still longest, behind the leader, is whom the others wait for.
    const PastEvent* stuck = nullptr;
    for (const auto& [end, sign] : signs) {
      const bool behind = leader_end >= 0 && end != leader_end;
      const bool outside = state != nullptr && !contains(state->isr, sign.node);
      if ((behind || outside) && (stuck == nullptr || sign.at_ns < stuck->at_ns)) stuck = &sign;
    }
    if (stuck != nullptr) {
      steps_.add_troubles(past_, {stuck->node}, stuck->at_ns - kLookBackNs / 5,
                          stuck->at_ns + kLookBackNs / 5);
      found(stuck->at_ns, stuck->node, "standstill",
            leader_end == stuck->to_offset
                ? fmt::format("Broker {} has all of the log since {} and is not in the ISR {}.", stuck->node,
                              seconds_text(stuck->at_ns), set_text(state->isr))
                : fmt::format(
                      "Broker {} has come to offset {} and no further since {}, while the leader came to {}.",
                      stuck->node, stuck->to_offset, seconds_text(stuck->at_ns), leader_end));
    }
    waits_ = text;
    return tell_waiting();
  }

  Nodes all_nodes() const {
    Nodes nodes;
    for (const PastNode& event : past_.nodes) {
      if (!contains(nodes, event.node)) nodes.push_back(event.node);
    }
    return nodes;
  }

  // Calls of clients that are still open.
  Result<void> tell_waiting() {
    const std::string which = page_.partition.empty() ? "" : " AND partition = " + sql_text(page_.partition);
    Query query(
        database_,
        fmt::format("SELECT client, kind, min(invoked_ns), count(*), coalesce(partition, '') FROM op WHERE "
                    "completed_ns IS NULL{} GROUP BY client, kind ORDER BY 3 LIMIT 4",
                    which));
    while (query.next())
      steps_.add(Weight::spine, query.number(2), "waits", -1,
                 fmt::format("{} calls {} of {} and waits to the end ({} such calls)", query.text(0),
                             query.text(1), query.text(4), query.number(3)));
    TRY(query.end());
    Query controller(
        database_,
        fmt::format("SELECT at_ns, node, name, json_extract(detail, '$.epoch') FROM event WHERE name IN "
                    "('controller.activated', 'controller.deactivated') AND at_ns <= {} ORDER BY id DESC "
                    "LIMIT 2",
                    violation_.at_ns));
    while (controller.next())
      steps_.add(Weight::cause, controller.number(0), "controller",
                 static_cast<int32_t>(controller.number(1)),
                 fmt::format("node {} {} the active controller, epoch {}", controller.number(1),
                             controller.text(2) == "controller.activated" ? "becomes" : "is no more",
                             controller.number(3)));
    return controller.end();
  }

  // The violation itself, what its story says of the state it was found in, and the last thing that happened
  // before.
  void blame() {
    std::string text = blame_ ? blame_->text + " " : "";
    text += fmt::format("What does not hold: {}.", violation_.invariant);
    if (!waits_.empty()) text += fmt::format(" Who waits for whom: {}.", waits_);
    const Explanation::Step* last = nullptr;
    for (const Explanation::Step& step : page_.steps) {
      const bool counts = step.kind == "fault" || step.kind == "election" || step.kind == "cut" ||
                          step.kind == "reset" || step.kind == "back" || step.kind == "gone";
      if (counts && step.at_ns < violation_.at_ns) last = &step;
    }
    if (last != nullptr)
      text +=
          fmt::format(" The last that happened to it before: {}, {}.", seconds_text(last->at_ns), last->text);
    for (const std::string& line : violation_.story) {
      if (!timed(line) && line.find("Why nothing permits it") != std::string::npos) text += " " + line;
    }
    page_.culprit = Explanation::Culprit{violation_.at_ns, violation_.checker, violation_.suspect(), text};
    if (blame_) page_.culprit = Explanation::Culprit{blame_->at_ns, blame_->kind, blame_->node, text};
    // Where the family's own facts say little, the story that was kept says it.
    if (page_.steps.size() > 3) return;
    for (const std::string& line : violation_.story) {
      const auto step = timed(line);
      if (step && page_.steps.size() < kMostViolationSteps)
        page_.steps.push_back({step->first, "story", -1, step->second});
    }
    std::stable_sort(
        page_.steps.begin(), page_.steps.end(),
        [](const Explanation::Step& a, const Explanation::Step& b) { return a.at_ns < b.at_ns; });
  }

  Database& database_;
  const PastViolation& violation_;
  const Past& past_;
  Explanation page_;
  Steps steps_;
  std::string waits_;
  std::optional<Explanation::Culprit> blame_;  // what the family's own facts point to
};

}  // namespace

Result<Explanation> explain_violation(Database& database, const PastViolation& violation) {
  TRY_ASSIGN(const Past past, read_past(database, violation.partition()));
  return Teller(database, violation, past).tell();
}

}  // namespace ksim::sim
