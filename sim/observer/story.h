#pragma once
// Why a violation came about, for a person: keeps the few things that decide where records are (who led, who
// was in sync, what was cut, which machine died) and tells those that led to a violation.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/checker.h"
#include "sim/history/facts.h"
#include "sim/history/node_notes.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {

// The record that a violation is about, as its producer knows it.
struct RecordStory {
  ProducerSession session;
  Instant sent;
  std::optional<Instant> acknowledged;
  int64_t offset = -1;
  // Nodes by their place in ClusterView::nodes(), when it was acknowledged:
  uint64_t holders = 0;  // whose logs held it
  uint64_t lagging = 0;  // members of the ISR whose logs did not
};

class Story {
 public:
  explicit Story(const ClusterView& view) : view_(view) {}

  void on_event(const NodeEvent& note);
  // After the view was told.
  void on_node(int32_t node, NodeFault fault, Instant at);
  void on_fault_began(int64_t row, Instant at, std::string text);
  void on_fault_ended(int64_t row, Instant at, std::string text);

  // Line by line; told while the view still shows the state that the violation was found in.
  std::vector<std::string> tell(const Violation& violation, const RecordStory* record) const;

 private:
  static constexpr PartitionId kEverywhere = ~PartitionId{0};
  enum class Kind : uint8_t { other, claim, leader, quorum };  // a partition's story leaves out the quorum
  struct Step {
    Instant at;
    PartitionId partition;
    Kind kind;
    std::string text;
  };

  void add(Instant at, PartitionId partition, std::string text, Kind kind = Kind::other) {
    steps_.push_back({at, partition, kind, std::move(text)});
  }
  std::vector<int32_t> nodes_of(uint64_t places) const;
  void tell_record(std::vector<std::string>& out, const Violation& violation,
                   const RecordStory& record) const;
  void tell_steps(std::vector<std::string>& out, std::optional<PartitionId> partition, Instant from,
                  Instant until) const;
  void tell_replicas(std::vector<std::string>& out, const PartitionTruth& truth, int64_t offset) const;
  void tell_contract(std::vector<std::string>& out, PartitionId id, const PartitionTruth& truth,
                     int64_t offset, Instant since) const;

  struct Spell {  // of a fault
    Instant began;
    Instant ended = Instant::never();
    std::string text;
  };

  const ClusterView& view_;
  std::vector<Step> steps_;
  std::map<int64_t, Spell> faults_;
};

}  // namespace ksim::sim
