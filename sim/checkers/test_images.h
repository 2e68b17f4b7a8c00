#pragma once
// Metadata that controller 1 publishes, as a story.

#include "core/metadata/image.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {

class ImageStory : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    for (const int32_t id : {1, 2, 3}) set_broker(id, false);
  }
  void set_broker(int32_t id, bool fenced, const char* rack = nullptr, bool stops = false) {
    auto broker = std::make_shared<BrokerRegistration>();
    broker->id = id;
    broker->epoch = id;
    broker->fenced = fenced;
    broker->in_controlled_shutdown = stops;
    if (rack != nullptr) broker->rack = rack;
    image.cluster.brokers.set(id, broker);
  }
  static PartitionRegistration partition(int32_t leader, std::vector<int32_t> isr,
                                         std::vector<int32_t> replicas = {1, 2, 3}) {
    PartitionRegistration made;
    made.replicas = std::move(replicas);
    made.isr = std::move(isr);
    made.leader = leader;
    return made;
  }
  void set_partitions(const std::vector<PartitionRegistration>& partitions, const char* name = "bills",
                      Uuid id = {3, 3}) {
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id = id;
    for (size_t i = 0; i < partitions.size(); ++i)
      topic->partitions.set(static_cast<int32_t>(i), std::make_shared<PartitionRegistration>(partitions[i]));
    image.topics.by_id.set(id, topic);
  }
  // A decision of controller 1, which is in its log at once, and published if `then`.
  void decide(bool then = true) {
    for (auto& checker : checkers)
      checker->on_mark(Mark::controller_appended, 1, "__cluster_metadata-0", now);
    write(1, ++offset, 1, {a}, kMetadataLog);
    if (then) publish();
  }
  void publish() {
    image.provenance = {offset, 1, 1000};
    const auto shared = std::make_shared<const MetadataImage>(image);
    emit(1, MetadataPublished{offset, 1, false, &shared});
  }

  MetadataImage image;
  int64_t offset = -1;
};

}  // namespace ksim::sim
