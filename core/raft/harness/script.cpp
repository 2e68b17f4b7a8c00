#include "core/raft/harness/script.h"

#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/assert.h"
#include "core/raft/harness/cluster.h"

namespace ksim::raft {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

int64_t number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ENSURE_F(error == std::errc{} && end == text.data() + text.size(), "not a number: {}", text);
  return value;
}

class Script {
 public:
  Script() : cluster_(1, &out_) {}

  std::string run(const std::string& line) {
    out_.clear();
    words_ = split(line, ' ');
    ENSURE(!words_.empty());
    const std::string& verb = words_[0];
    constexpr std::pair<std::string_view, Handler> kCommands[] = {
        {"cluster", &Script::cluster},     {"start", &Script::start},
        {"crash", &Script::crash},         {"power-loss", &Script::power_loss},
        {"tick", &Script::tick},           {"deadline", &Script::deadline},
        {"timeout", &Script::timeout},     {"deliver", &Script::deliver},
        {"drop", &Script::drop},           {"duplicate", &Script::duplicate},
        {"stabilize", &Script::stabilize}, {"auto-disk", &Script::auto_disk},
        {"disk", &Script::disk},           {"append", &Script::append},
        {"resign", &Script::resign},       {"shutdown", &Script::shutdown},
        {"snapshot", &Script::snapshot},   {"clean", &Script::clean},
        {"status", &Script::status},       {"log", &Script::log},
        {"flights", &Script::flights},     {"fail", &Script::fail},
        {"wipe", &Script::wipe},
    };
    for (const auto& [name, handler] : kCommands) {
      if (verb != name) continue;
      (this->*handler)();
      return out_;
    }
    ENSURE_F(false, "no such command: {}", verb);
  }

 private:
  using Handler = void (Script::*)();

  // The n-th word without '='.
  std::string word(size_t n) const {
    ENSURE_F(n < words_.size(), "{} wants more words", words_[0]);
    return words_[n];
  }
  int32_t node(size_t n = 1) const { return static_cast<int32_t>(number(word(n))); }
  std::string option(std::string_view name, std::string fallback) const {
    for (const std::string& each : words_) {
      if (each.size() > name.size() && each.compare(0, name.size(), name) == 0 && each[name.size()] == '=') {
        return each.substr(name.size() + 1);
      }
    }
    return fallback;
  }

  void cluster() {
    NodeConfig config;
    config.timers.append_linger = milliseconds(number(option("linger", "0")));
    std::vector<ReplicaKey> voters;
    for (const std::string& id : split(option("voters", "1,2,3"), ',')) {
      voters.push_back({static_cast<int32_t>(number(id)), kZeroUuid});
    }
    config.voters = VoterSet(voters);
    for (const std::string& id : split(option("observers", ""), ',')) {
      voters.push_back({static_cast<int32_t>(number(id)), kZeroUuid});
    }
    for (const ReplicaKey& key : voters) {
      config.local = key;
      cluster_.add(config);
    }
  }
  void start() { cluster_.start(node()); }
  void crash() { cluster_.crash(node()); }
  void wipe() {
    cluster_.replica(node()).wipe();
    cluster_.checker().forget(node());
  }
  void power_loss() { cluster_.lose_power(node(), static_cast<size_t>(number(option("keep", "0")))); }
  void tick() { cluster_.advance(node(), milliseconds(number(word(2)))); }
  void deadline() {
    for (int64_t i = words_.size() > 2 ? number(word(2)) : 1; i > 0; --i)
      cluster_.advance_to_deadline(node());
  }
  void timeout() {
    Replica& replica = cluster_.replica(node());
    const size_t state = replica.node().state().index();
    const int32_t epoch = replica.node().epoch();
    for (int i = 0; i < 1000; ++i) {
      cluster_.advance_to_deadline(node());
      if (replica.node().state().index() != state || replica.node().epoch() != epoch) return;
    }
    ENSURE_F(false, "node {} does not time out", node());
  }

  bool matches(const Flight& flight) const {
    const std::string from = option("from", "");
    const std::string to = option("to", "");
    const std::string what = option("what", "");
    return (from.empty() || number(from) == flight.from) && (to.empty() || number(to) == flight.to) &&
           (what.empty() || describe(flight).find(" " + what) != std::string::npos);
  }
  // Those under way now, not what they cause.
  void each_flight(void (Cluster::*action)(size_t)) {
    int64_t left = number(option("count", "1000000"));
    std::vector<uint64_t> chosen;
    for (const Flight& flight : cluster_.flights()) {
      if (left > 0 && matches(flight)) {
        chosen.push_back(flight.number);
        --left;
      }
    }
    for (const uint64_t wanted : chosen) {
      auto& flights = cluster_.flights();
      for (size_t i = 0; i < flights.size(); ++i) {
        if (flights[i].number != wanted) continue;
        (cluster_.*action)(i);
        break;
      }
    }
    if (chosen.empty()) out_ += "nothing under way\n";
  }
  void deliver() { each_flight(&Cluster::deliver); }
  void drop() {
    for (const Flight& flight : cluster_.flights()) {
      if (matches(flight)) out_ += "lost: " + describe(flight) + "\n";
    }
    each_flight(&Cluster::drop);
  }
  void duplicate() { each_flight(&Cluster::duplicate); }
  void stabilize() {
    std::vector<int32_t> without;
    for (const std::string& id : split(option("without", ""), ',')) {
      without.push_back(static_cast<int32_t>(number(id)));
    }
    const auto excluded = [&](int32_t id) {
      return std::find(without.begin(), without.end(), id) != without.end();
    };
    for (int rounds = 0; rounds < 1000 && !cluster_.flights().empty(); ++rounds) {
      const Flight& flight = cluster_.flights().front();
      if (excluded(flight.from) || excluded(flight.to)) {
        cluster_.drop(0);
      } else {
        cluster_.deliver(0);
      }
    }
  }

  void auto_disk() { cluster_.auto_disk = word(1) == "on"; }
  void disk() {
    for (int64_t i = words_.size() > 2 ? number(word(2)) : 1; i > 0; --i) {
      if (!cluster_.disk(node())) out_ += "nothing to do\n";
    }
  }

  void append() {
    ClientAppend in;
    in.ticket = ++tickets_;
    in.epoch = static_cast<int32_t>(
        number(option("epoch", fmt::format("{}", cluster_.replica(node()).node().epoch()))));
    in.record_count = static_cast<int32_t>(number(option("records", "1")));
    in.batch = Buffer::copy_of(as_bytes(word(2)));
    cluster_.step(node(), std::move(in));
  }
  void resign() { cluster_.step(node(), Resign{cluster_.replica(node()).node().epoch()}); }
  void shutdown() {
    const int64_t ms = words_.size() > 2 ? number(word(2)) : 5000;
    cluster_.step(node(), Shutdown{milliseconds(ms)});
  }
  OffsetAndEpoch position(int64_t offset) {
    for (const StoredBatch& batch : cluster_.replica(node()).written().log) {
      if (batch.last_offset + 1 == offset) return {offset, batch.epoch};
    }
    ENSURE_F(false, "no batch ends at {}", offset);
  }
  void snapshot() {
    const OffsetAndEpoch id = position(number(word(2)));
    const int64_t size = cluster_.replica(node()).write_snapshot(id);
    cluster_.step(node(), SnapshotCreated{id, size});
  }
  void clean() {
    for (const SnapshotInfo& info : cluster_.replica(node()).node().log().snapshots()) {
      if (info.id.offset == number(word(2))) return cluster_.step(node(), CleanUpTo{info.id});
    }
    out_ += "no such snapshot\n";
  }
  void fail() {
    const int32_t peer = node(2);
    for (uint64_t correlation = 1; correlation < 10'000; ++correlation) {
      cluster_.step(node(), RequestFailed{peer, correlation});
    }
  }

  void status() {
    for (const auto& [id, replica] : cluster_.replicas()) {
      if (!replica->running()) {
        out_ += fmt::format("{} down\n", id);
        continue;
      }
      const Node& n = replica->node();
      out_ += fmt::format("{} {} epoch={} leader={} voted={} log={}..{} epoch={} flushed={} hw={}\n", id,
                          n.state_name(), n.epoch(), n.leader_id().value_or(kNoNode),
                          n.voted() ? n.voted()->id : kNoNode, n.log().start_offset(), n.log().end_offset(),
                          n.log().last_epoch(), n.log().flushed_offset(), n.high_watermark());
    }
  }
  void log() {
    for (const StoredBatch& batch : cluster_.replica(node()).written().log) {
      out_ +=
          fmt::format("{}..{} epoch={} {}\n", batch.base_offset, batch.last_offset, batch.epoch, batch.text);
    }
  }
  void flights() {
    for (const Flight& flight : cluster_.flights()) out_ += describe(flight) + "\n";
  }

  std::string out_;
  Cluster cluster_;
  std::vector<std::string> words_;
  uint64_t tickets_ = 0;
};

}  // namespace

std::string run_transcript(std::string_view text) {
  Script script;
  std::string out;
  bool in_output = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) {
      in_output = false;
      out += "\n";
    } else if (in_output) {
      continue;
    } else if (line[0] == '#') {
      out += line + "\n";
    } else {
      out += line + "\n----\n";
      std::string result;
      try {
        result = script.run(line);
      } catch (const AssertionFailed& failed) {
        // The commands that were to follow stay.
        return out + "violated: " + failed.what() + "\n" +
               std::string(text.substr(std::min(at, text.size())));
      }
      out += result.empty() ? "ok\n" : result;
      in_output = true;
    }
  }
  return out;
}

}  // namespace ksim::raft
