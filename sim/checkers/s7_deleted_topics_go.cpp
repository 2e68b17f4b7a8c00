// S7: of a topic that is deleted no replica stays under its name. Who has published metadata without it stops
// its replicas and renames their directories at once (-delete, -stray); what is in those goes in the
// background.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/truth/checkpoint_text.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr Duration kToRename = seconds(5);

class DeletedTopicsGo final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S7"; }
  std::string_view text() const override {
    return "of a deleted topic no replica stays on a broker that knows of the deletion";
  }

  void on_event(const NodeEvent& note) override {
    read_on();
    if (const auto* m = std::get_if<MetadataPublished>(note.event)) {
      for (auto& [id, gone] : gone_) {
        if (gone.offset <= m->offset) gone.known.try_emplace(note.node, note.at);
      }
    } else if (std::holds_alternative<LogDirFailed>(*note.event)) {
      lacks_directory_[note.node] = true;
    }
  }
  void on_node(int32_t node, NodeFault, Instant) override {
    for (auto& [id, gone] : gone_) gone.known.erase(node);
    lacks_directory_[node] = false;
  }
  void at_end(Instant at) override {
    read_on();
    for (const auto& [id, gone] : gone_) {
      for (const auto& [node, since] : gone.known) {
        if (since + kToRename <= at && !lacks_directory_[node]) look(id, gone, node, since, at);
      }
    }
  }

 private:
  struct Gone {
    std::string name;
    std::vector<int32_t> partitions;
    int64_t offset = -1;               // of the metadata log, at which it is no more
    std::map<int32_t, Instant> known;  // by node: since when it has published that
  };

  void read_on() {
    const std::vector<MetadataStep>& steps = view_.metadata().steps();
    for (; steps_ < steps.size(); ++steps_) {
      const MetadataImageRef before = steps_ == 0 ? empty_image() : steps[steps_ - 1].image;
      PersistentMap<Uuid, TopicRef>::differences(
          before->topics.by_id, steps[steps_].image->topics.by_id,
          [&](const Uuid& id, const TopicRef* was, const TopicRef* is) {
            if (was == nullptr || is != nullptr) return;
            Gone& gone = gone_[id];
            gone.name = (*was)->name;
            gone.offset = steps[steps_].offset;
            for (const auto& [index, partition] : (*was)->partitions) gone.partitions.push_back(index);
          });
    }
  }

  void look(const Uuid& id, const Gone& gone, int32_t node, Instant since, Instant at) {
    if (!view_.has_node(node) || !view_.node(node).up) return;
    for (const std::string& directory : view_.log_dirs(node)) {
      for (const int32_t index : gone.partitions) {
        const std::string log = fmt::format("{}-{}", gone.name, index);
        const auto text =
            read_text(view_.disks(), node, fmt::format("{}/{}/partition.metadata", directory, log),
                      DiskPeek::Layer::cached);
        if (!text || text->find("topic_id: " + id.to_string()) == std::string::npos) continue;
        cry(at, log,
            fmt::format("node {} has published at {} ms that topic {} is deleted, and still has a replica of "
                        "it in {}",
                        node, since.ms(), id.to_string(), directory));
      }
    }
  }

  size_t steps_ = 0;
  std::map<Uuid, Gone> gone_;
  std::map<int32_t, bool> lacks_directory_;
};

}  // namespace

std::unique_ptr<Checker> make_deleted_topics_go(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<DeletedTopicsGo>(view, verdicts);
}

}  // namespace ksim::sim
