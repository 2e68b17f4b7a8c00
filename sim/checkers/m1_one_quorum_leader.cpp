// M1: an epoch of the metadata quorum has at most one leader; a voter votes for at most one candidate in an
// epoch; the epoch a node has stored never decreases; who has been replaced, or is asked by no majority of
// the voters, does not lead for long. Votes and epochs are read from the quorum-state files.

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr Duration kUnderWay = milliseconds(5500);
constexpr Duration kLateTimers = seconds(2);
constexpr Duration kToComeToIt = seconds(1);

class OneQuorumLeader final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M1"; }
  std::string_view text() const override {
    return "a quorum epoch has one leader, a voter one vote in it, and stored epochs never decrease";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* vote = std::get_if<RaftVoteGranted>(note.event)) {
      read(note.node, note.at);
      promised(note, vote->epoch, true, "granted a vote");
    }
    const auto* e = std::get_if<RaftStateChanged>(note.event);
    if (e == nullptr) return acts(note);
    reigns(note, *e);
    if (e->state == "leader") {
      const auto [it, fresh] = leader_.try_emplace(e->epoch, Leader{note.node, note.incarnation});
      if (!fresh && it->second.node != note.node) {
        cry(note.at, "__cluster_metadata-0",
            fmt::format("nodes {} and {} both led the quorum in epoch {}", it->second.node, note.node,
                        e->epoch));
      } else if (!fresh && it->second.incarnation != note.incarnation) {
        // What it had appended and not synced may be gone, and be served as something else.
        cry(note.at, "__cluster_metadata-0",
            fmt::format("node {} led the quorum in epoch {}, started anew, and leads in it again", note.node,
                        e->epoch));
      }
    }
    read(note.node, note.at);
    remembers(note, *e);
    promised(note, e->epoch, e->state == "candidate", fmt::format("became {}", e->state));
  }
  void on_quorum_fetch(const QuorumFetchArrived& fetch) override {
    const auto it = reigning_.find(fetch.leader);
    if (it != reigning_.end()) it->second.asked[fetch.voter] = view_.clock(fetch.leader, fetch.at);
  }
  void on_node(int32_t node, NodeFault fault, Instant at) override {
    reigning_.erase(node);
    if (fault == NodeFault::wiped) {
      stored_.erase(node);
      std::erase_if(votes_, [node](const auto& vote) { return vote.first.first == node; });
    } else if (fault == NodeFault::power_lost) {
      const auto known = stored_.find(node);
      if (known != stored_.end() && known->second >= 0 && !stored_at(node, DiskPeek::Layer::cached)) {
        cry(at, fmt::format("node {}", node),
            fmt::format("it had stored epoch {}, and a power loss has left it none", known->second));
      }
      read(node, at);
    }
  }

 private:
  struct Leader {
    int32_t node = -1;
    uint32_t incarnation = 0;
  };
  // One that leads, as it says itself.
  struct Reign {
    int32_t epoch = -1;
    // All by its own clock, which stands still with its timers while it sleeps: when it began, when another
    // one began to lead, when each voter's last fetch came to it, and when it did something though it was
    // long to have resigned.
    Instant began;
    std::optional<Instant> deposed;
    std::map<int32_t, Instant> asked;
    std::optional<Instant> seen_late;
  };
  struct Stored {
    int32_t epoch = -1;
    int32_t voted = -1;
  };
  std::optional<Stored> stored_at(int32_t node, DiskPeek::Layer layer) const {
    if (!view_.has_node(node)) return std::nullopt;
    for (const std::string& directory : view_.log_dirs(node)) {
      const std::string path = directory + "/__cluster_metadata-0/quorum-state";
      const auto size = view_.disks().size(node, path, layer);
      if (!size) continue;
      std::string text(*size, ' ');
      const size_t n =
          view_.disks().read(node, path, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}, layer);
      text.resize(n);
      const auto json = nlohmann::json::parse(text, nullptr, false);
      if (json.is_discarded()) continue;
      return Stored{json.value("leaderEpoch", -1), json.value("votedId", -1)};
    }
    return std::nullopt;
  }
  void read(int32_t node, Instant at) {
    if (const auto stored = stored_at(node, DiskPeek::Layer::cached))
      judge(node, stored->epoch, stored->voted, at);
  }
  // Rule B1: what others are told of an epoch or a vote survives a power loss from that moment on.
  void promised(const NodeEvent& note, int32_t epoch, bool vote, const std::string& what) {
    if (epoch <= 0 || !view_.has_node(note.node)) return;
    const Stored durable = stored_at(note.node, DiskPeek::Layer::durable).value_or(Stored{});
    if (durable.epoch > epoch || (durable.epoch == epoch && (!vote || durable.voted >= 0))) return;
    cry(note.at, fmt::format("node {}", note.node),
        fmt::format("it {} in epoch {}, but a power loss would leave it in epoch {}{}", what, epoch,
                    durable.epoch, durable.epoch == epoch ? " without a vote" : ""));
  }
  void reigns(const NodeEvent& note, const RaftStateChanged& e) {
    if (e.state != "leader") {
      reigning_.erase(note.node);
      return;
    }
    for (auto& [node, reign] : reigning_) {
      if (reign.epoch < e.epoch && !reign.deposed) reign.deposed = view_.clock(node, note.at);
    }
    Reign reign;
    reign.epoch = e.epoch;
    reign.began = view_.clock(note.node, note.at);
    reigning_[note.node] = std::move(reign);
  }

  // Rule B26: whom no majority of the voters asks, resigns (KAFKA-15489). Those who elected another one ask
  // that one; what they had asked before may be under way for a while.
  void acts(const NodeEvent& note) {
    const int32_t node = note.node;
    const Instant at = note.at;
    const auto it = reigning_.find(node);
    if (it == reigning_.end()) return;
    Reign& reign = it->second;
    const Instant now = view_.clock(node, at);
    // Whose disk holds up the quorum's log does not come to its timers; who appends to it does.
    const auto* appended = std::get_if<LogAppended>(note.event);
    const bool quorum_goes_on = appended != nullptr && appended->log == kMetadataLog;
    const bool alone = quorum_goes_on && now >= last_majority(node, reign) + patience() + kLateTimers;
    const bool late = alone || (reign.deposed && now >= *reign.deposed + patience() + kUnderWay);
    if (!late && !quorum_goes_on) return;
    if (!late) {
      reign.seen_late.reset();
      return;
    }
    // Just awake after a pause, it may not have come to its timers yet.
    if (!reign.seen_late) reign.seen_late = now;
    if (now - *reign.seen_late < kToComeToIt) return;
    if (reign.deposed) {
      cry(at, fmt::format("node {}", node),
          fmt::format(
              "it leads the quorum in epoch {} still, though another one has since {} ms of its clock",
              reign.epoch, reign.deposed->ms()));
    } else {
      cry(at, fmt::format("node {}", node),
          fmt::format("it leads the quorum in epoch {} still, though no majority has asked it since {} ms of "
                      "its clock",
                      reign.epoch, last_majority(node, reign).ms()));
    }
    reigning_.erase(it);
  }
  Duration patience() const { return Duration{view_.quorum_fetch_timeout.ns * 3 / 2}; }

  // The last moment at which a majority, itself included, may have been heard within its time: of several
  // others one may have asked at the beginning of that time and another one at its end.
  Instant last_majority(int32_t node, const Reign& reign) const {
    const size_t others = view_.voters().size() / 2;
    if (others == 0) return Instant::never();
    std::vector<Instant> asked;
    for (const auto& [voter, when] : reign.asked) {
      if (voter != node) asked.push_back(when);
    }
    if (asked.size() < others) return reign.began + (others > 1 ? patience() : Duration{0});
    std::sort(asked.begin(), asked.end(), std::greater<>());
    return asked[others - 1] + (others > 1 ? patience() : Duration{0});
  }

  // Without a leader only its vote keeps it from giving another one.
  void remembers(const NodeEvent& note, const RaftStateChanged& e) {
    if (e.voted_id >= 0 || e.leader_id >= 0) return;
    const auto vote = votes_.find({note.node, e.epoch});
    if (vote == votes_.end()) return;
    cry(note.at, fmt::format("node {}", note.node),
        fmt::format("it became {} in epoch {} and knows of no vote, though it has voted for {}", e.state,
                    e.epoch, vote->second));
  }
  void judge(int32_t node, int32_t epoch, int32_t voted, Instant at) {
    const std::string subject = fmt::format("node {}", node);
    int32_t& stored = stored_.try_emplace(node, -1).first->second;
    if (epoch < stored)
      cry(at, subject, fmt::format("its stored epoch went back from {} to {}", stored, epoch));
    stored = epoch;
    if (voted < 0) return;
    const auto [it, fresh] = votes_.try_emplace({node, epoch}, voted);
    if (!fresh && it->second != voted) {
      cry(at, subject, fmt::format("it voted for {} and for {} in epoch {}", it->second, voted, epoch));
    }
  }

  std::map<int32_t, Leader> leader_;
  std::map<int32_t, Reign> reigning_;
  std::map<int32_t, int32_t> stored_;
  std::map<std::pair<int32_t, int32_t>, int32_t> votes_;
};

}  // namespace

std::unique_ptr<Checker> make_one_quorum_leader(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<OneQuorumLeader>(view, verdicts);
}

}  // namespace ksim::sim
