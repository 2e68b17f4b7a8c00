#include "core/metadata/placement.h"

#include <algorithm>
#include <map>

namespace ksim {
namespace {

// Goes round its brokers, one start further for each partition.
class BrokerRing {
 public:
  void add(int32_t broker) { brokers_.push_back(broker); }
  size_t size() const { return brokers_.size(); }
  void start_somewhere(Draws& draws) {
    if (brokers_.empty()) return;
    std::sort(brokers_.begin(), brokers_.end());
    offset_ = draws.below(brokers_.size());
  }
  void shuffle(Draws& draws) { draws.shuffle(brokers_); }
  // The next broker for this partition, or -1 when all have been given.
  int32_t next(uint64_t partition) {
    if (brokers_.empty()) return -1;
    if (partition_ != partition) {
      partition_ = partition;
      given_ = 0;
      offset_ = (offset_ + 1) % brokers_.size();
    }
    if (given_ >= brokers_.size()) return -1;
    return brokers_[(given_++ + offset_) % brokers_.size()];
  }

 private:
  std::vector<int32_t> brokers_;
  size_t given_ = 0;
  size_t offset_ = 0;
  uint64_t partition_ = 0;
};

struct Rack {
  BrokerRing unfenced;
  BrokerRing fenced;
  int32_t next(uint64_t partition) {
    const int32_t broker = unfenced.next(partition);
    return broker >= 0 ? broker : fenced.next(partition);
  }
};

class Striper {
 public:
  Striper(const std::vector<UsableBroker>& brokers, Draws& draws) : draws_(draws) {
    // Brokers without a rack form one of their own, which sorts first.
    std::map<std::pair<bool, std::string>, Rack> by_name;
    for (const UsableBroker& broker : brokers) {
      Rack& rack = by_name[{broker.rack.has_value(), broker.rack.value_or("")}];
      (broker.fenced ? rack.fenced : rack.unfenced).add(broker.id);
      if (!broker.fenced) ++unfenced_count_;
    }
    for (auto& entry : by_name) {
      entry.second.unfenced.start_somewhere(draws_);
      entry.second.fenced.start_somewhere(draws_);
      racks_.push_back(std::move(entry.second));
    }
    for (size_t i = 0; i < racks_.size(); ++i) order_.push_back(i);
    if (!racks_.empty()) offset_ = draws_.below(racks_.size());
  }

  size_t unfenced_count() const { return unfenced_count_; }

  std::vector<int32_t> place(size_t replication_factor) {
    // As many partitions as unfenced brokers have been placed: mix, so that assignments do not repeat.
    if (since_shuffle_ == unfenced_count_ && unfenced_count_ > 1) {
      draws_.shuffle(order_);
      for (Rack& rack : racks_) {
        rack.fenced.shuffle(draws_);
        rack.unfenced.shuffle(draws_);
      }
      since_shuffle_ = 0;
    }
    if (offset_ == order_.size()) offset_ = 0;
    std::vector<int32_t> replicas;
    size_t leader_rack = offset_;
    for (;;) {
      const int32_t broker = racks_[order_[leader_rack]].unfenced.next(partition_);
      if (broker >= 0) {
        replicas.push_back(broker);
        break;
      }
      leader_rack = (leader_rack + 1) % order_.size();
    }
    // The rack of the leader has had its turn in the first round.
    bool skip_leader_rack = true;
    for (size_t rack = offset_; replicas.size() < replication_factor; rack = (rack + 1) % order_.size()) {
      if (rack == leader_rack && skip_leader_rack) {
        skip_leader_rack = false;
        continue;
      }
      const int32_t broker = racks_[order_[rack]].next(partition_);
      if (broker >= 0) replicas.push_back(broker);
    }
    ++partition_;
    ++since_shuffle_;
    ++offset_;
    return replicas;
  }

 private:
  Draws& draws_;
  std::vector<Rack> racks_;
  std::vector<size_t> order_;  // of racks_
  size_t offset_ = 0;
  size_t unfenced_count_ = 0;
  size_t since_shuffle_ = 0;
  uint64_t partition_ = 0;
};

}  // namespace

Result<std::vector<std::vector<int32_t>>> place_replicas(const std::vector<UsableBroker>& brokers,
                                                         size_t partitions, size_t replication_factor,
                                                         Draws& draws) {
  Striper striper(brokers, draws);
  if (replication_factor == 0) {
    return fail(ErrorCode::INVALID_REPLICATION_FACTOR,
                "Invalid replication factor 0: the replication factor must be positive.");
  }
  if (striper.unfenced_count() == 0) {
    return fail(ErrorCode::INVALID_REPLICATION_FACTOR, "All brokers are currently fenced.");
  }
  if (replication_factor > brokers.size()) {
    return fail(ErrorCode::INVALID_REPLICATION_FACTOR,
                "The target replication factor of " + std::to_string(replication_factor) +
                    " cannot be reached because only " + std::to_string(brokers.size()) +
                    " broker(s) are registered.");
  }
  std::vector<std::vector<int32_t>> assignments;
  assignments.reserve(partitions);
  for (size_t i = 0; i < partitions; ++i) assignments.push_back(striper.place(replication_factor));
  return assignments;
}

}  // namespace ksim
