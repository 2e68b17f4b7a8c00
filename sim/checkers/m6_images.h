#pragma once
// What M6 says of the metadata itself, as it is published: who leads is there, and where new partitions are.

#include <string>
#include <string_view>
#include <vector>

#include "core/metadata/image.h"

namespace ksim::sim {

class ClusterView;

class ImageRules {
 public:
  explicit ImageRules(const ClusterView& view) : view_(view) {}

  struct Wrong {
    std::string subject;
    std::string what;
  };
  // What a node has published. Those that are no newer than what is known already say nothing.
  std::vector<Wrong> take(int32_t node, const MetadataImageRef& image);

 private:
  void leads(const TopicImage& topic, int32_t index, const PartitionRegistration& partition);
  void created(int32_t node, const TopicImage& topic, const TopicImage* before);
  std::string misplaced(const TopicImage& topic, const PartitionRegistration& partition, size_t wanted) const;
  std::string uneven(const PartitionRegistration& partition) const;
  std::string repetitive(const TopicImage& topic) const;
  void stays_in_isr(int32_t id, const TopicImage& topic, int32_t index, const PartitionRegistration& before,
                    const PartitionRegistration& now);
  void keeps_eligible(const TopicImage& topic, int32_t index, const PartitionRegistration& before,
                      const PartitionRegistration& now);
  int32_t minimum_of(const TopicImage& topic, size_t replicas) const;
  void eligible_are_cleared(int32_t node);
  void no_eligible(const TopicImage& topic, std::string_view whose_minimum);
  // All of what is new was one decision, on top of the image before.
  bool one_decision(int32_t node) const;

  const ClusterView& view_;
  MetadataImageRef before_;
  MetadataImageRef now_;
  std::vector<Wrong> wrong_;
};

}  // namespace ksim::sim
