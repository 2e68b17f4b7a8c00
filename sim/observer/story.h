#pragma once
// Why a violation came about, for a person: keeps the few things that decide where records are (who led, who
// was in sync, what was cut, which machine died) and tells those that led to a violation.

#include <cstdint>
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
  uint64_t holders = 0;  // nodes whose disks held it then, by their place in ClusterView::nodes()
};

class Story {
 public:
  explicit Story(const ClusterView& view) : view_(view) {}

  void on_event(const NodeEvent& note);
  // After the view was told.
  void on_node(int32_t node, NodeFault fault, Instant at);
  void on_fault(Instant at, std::string text);

  // Line by line; told while the view still shows the state that the violation was found in.
  std::vector<std::string> tell(const Violation& violation, const RecordStory* record) const;

 private:
  static constexpr PartitionId kEverywhere = ~PartitionId{0};
  struct Step {
    Instant at;
    PartitionId partition;
    bool quorum;  // of the metadata quorum, which a partition's story leaves out
    std::string text;
  };

  void add(Instant at, PartitionId partition, std::string text) {
    steps_.push_back({at, partition, false, std::move(text)});
  }
  void add_quorum(Instant at, std::string text) {
    steps_.push_back({at, kEverywhere, true, std::move(text)});
  }
  void tell_record(std::vector<std::string>& out, const Violation& violation, const RecordStory& record,
                   const PartitionTruth* truth) const;
  void tell_steps(std::vector<std::string>& out, std::optional<PartitionId> partition, Instant from,
                  Instant until) const;
  void tell_replicas(std::vector<std::string>& out, const PartitionTruth& truth, int64_t offset) const;
  void tell_contract(std::vector<std::string>& out, PartitionId id, const PartitionTruth& truth,
                     int64_t offset, Instant since) const;

  const ClusterView& view_;
  std::vector<Step> steps_;
};

}  // namespace ksim::sim
