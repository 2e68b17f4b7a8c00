#include "sim/mailbox.h"

#include <algorithm>

#include "core/base/hash.h"

namespace ksim::sim {
namespace {

constexpr LatencyTable kDelay{
    {{{600'000, 1'000}, {950'000, 5'000}, {999'000, 50'000}, {1'000'000, 3'000'000}}}};

}  // namespace

Post::Post(Ground& ground, Life& life, size_t shards, size_t capacity)
    : ground_(ground), life_(life), capacity_(capacity) {
  for (size_t i = 0; i < shards; ++i) boxes_.push_back(std::make_unique<Box>(*this, i));
  for (size_t i = 0; i < shards * shards; ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_.back()->post = this;
    lanes_.back()->from = i / shards;
    lanes_.back()->to = i % shards;
  }
}

Post::~Post() { close(); }

void Post::close() {
  // A task may own what frees other things of the node, never something that posts again: life is over.
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    ground_.scheduler.cancel_timer(*lane);
    lane->under_way.clear();
  }
  for (const std::unique_ptr<Box>& box : boxes_) box->tasks.clear();
}

void Post::arm(Lane& lane) {
  if (lane.armed() || lane.under_way.empty()) return;
  ground_.scheduler.add_timer(lane, lane.under_way.front().first,
                              ground_.policy.tie(mix64(life_.key(), lane.from, lane.to)));
}

bool Post::Box::post(size_t shard, Task& task) {
  if (!post_office.life_.alive()) return false;
  Box& target = *post_office.boxes_.at(shard);
  if (target.filled >= post_office.capacity_) return false;
  ++target.filled;
  Lane& lane = post_office.lane(self_shard, shard);
  Ground& ground = post_office.ground_;
  const uint64_t entity = mix64(post_office.life_.key(), self_shard, shard);
  const uint64_t bits = ground.random.draw(SimStream::mailbox_delay, entity, ++lane.count);
  ground.digest.fold(Fold::mailbox_post, entity, lane.count);
  if (shard == self_shard) {  // no other processor has to notice
    tasks.push_back(std::move(task));
    arrived.notify_one();
    return true;
  }
  lane.last = std::max(lane.last, ground.now() + nanoseconds(kDelay.sample_ns(bits)));
  lane.under_way.emplace_back(lane.last, std::move(task));
  post_office.arm(lane);
  return true;
}

void Post::Lane::fire() {
  Box& target = *post->boxes_[to];
  while (!under_way.empty() && under_way.front().first <= post->ground_.now()) {
    target.tasks.push_back(std::move(under_way.front().second));
    under_way.pop_front();
    target.arrived.notify_one();
  }
  post->arm(*this);
}

Task Post::Box::receive(Deadline deadline) {
  for (;;) {
    if (!post_office.life_.enter()) return {};
    if (!tasks.empty()) {
      Task task = std::move(tasks.front());
      tasks.pop_front();
      --filled;
      post_office.ground_.digest.fold(Fold::mailbox_receive, post_office.life_.key(), self_shard);
      return task;
    }
    if (!arrived.wait(deadline, "mailbox") && tasks.empty()) return {};
  }
}

}  // namespace ksim::sim
