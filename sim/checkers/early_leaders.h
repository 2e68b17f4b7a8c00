#pragma once
// Brokers that lead before the controller's own word of their election has come. Whether it was an unclean
// one, and so whose log is what is committed, only that word says: what clients were told meanwhile is judged
// then.

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "sim/truth/cluster_view.h"

namespace ksim::sim {

class EarlyLeaders {
 public:
  explicit EarlyLeaders(const ClusterView& view) : view_(view) {}

  void on_event(const NodeEvent& note) {
    if (const auto* c = std::get_if<PartitionChanged>(note.event)) {
      if (const auto id = view_.names().find(c->topic, c->partition)) look(*id);
    } else if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      if (const auto id = view_.names().find(l->topic, l->partition)) leads(*id, *l, note.node);
    } else if (const auto* h = std::get_if<HighWatermarkChanged>(note.event)) {
      const auto id =
          early_.empty() || !h->leader ? std::nullopt : view_.names().find(h->topic, h->partition);
      if (id) committed(*id, *h, note.node);
    }
  }

  // Now, or when it can be.
  template <class Judgement>
  void judge(PartitionId id, Judgement judgement) {
    const auto early = early_.find(id);
    if (early == early_.end()) return judgement();
    early->second.waiting.emplace_back(std::move(judgement));
  }

  void at_end() {
    for (const auto& [id, early] : std::exchange(early_, {})) run(early.waiting);
  }

 private:
  using Judgements = std::vector<std::function<void()>>;
  struct Early {
    int32_t node = -1;
    int32_t leader_epoch = -1;
    int64_t high_watermark = 0;
    bool led_since = false;  // it was silent at the word, and then it or another one has led
    Judgements waiting;
  };

  void leads(PartitionId id, const BecameLeader& event, int32_t node) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr || truth->topic_id != event.topic_id) return;
    if (event.leader_epoch > truth->claim.leader_epoch) {
      Early& early = early_[id];
      early = {node, event.leader_epoch, event.high_watermark, false, std::move(early.waiting)};
    } else if (const auto early = early_.find(id); early != early_.end()) {
      early->second.led_since |= event.leader_epoch >= early->second.leader_epoch;
      look(id);
    }
  }

  void committed(PartitionId id, const HighWatermarkChanged& event, int32_t node) {
    const auto it = early_.find(id);
    if (it == early_.end()) return;
    Early& early = it->second;
    if (early.node == node && early.leader_epoch == event.leader_epoch)
      early.high_watermark = std::max(early.high_watermark, event.high_watermark);
    look(id);
  }

  // Who comes after one that has died does not know at once how far it had committed.
  void look(PartitionId id) {
    const auto it = early_.find(id);
    if (it == early_.end()) return;
    const PartitionTruth& truth = *view_.partition(id);
    const Early& early = it->second;
    const bool leads = std::any_of(truth.reigns.begin(), truth.reigns.end(), [&](const Reign& reign) {
      return reign.leader == early.node && reign.leader_epoch == early.leader_epoch && !reign.until;
    });
    const bool told = truth.claim.leader_epoch >= early.leader_epoch;
    if (!told || !(leads || early.led_since) || truth.committed_end() < early.high_watermark) return;
    const Judgements waiting = std::move(it->second.waiting);
    early_.erase(it);
    run(waiting);
  }

  static void run(const Judgements& judgements) {
    for (const auto& judgement : judgements) judgement();
  }

  const ClusterView& view_;
  std::map<PartitionId, Early> early_;
};

}  // namespace ksim::sim
