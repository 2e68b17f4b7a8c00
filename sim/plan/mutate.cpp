#include "sim/plan/mutate.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/base/hooks.h"
#include "sim/plan/draws.h"
#include "sim/plan/storm.h"

namespace ksim::sim {
namespace {

constexpr size_t kMostFaults = 24;
// Kinds that say all they need with a target and a time.
constexpr std::string_view kPlainKinds[] = {
    "crash",     "crash",     "power_loss",        "power_loss", "pause",         "pause",
    "partition", "partition", "partition_one_way", "reset",      "stop",          "stall_disk",
    "clog",      "refuse",    "rolling_restart",   "suspend",    "no_descriptors"};
// A voter whose disk is replaced breaks what the quorum is promised: where disks go, the scenario says.
constexpr std::string_view kWipe = "wipe_disk";

class Mutator {
 public:
  Mutator(Plan& plan, const Plan& donor, uint64_t mutation, const Vocabulary& words)
      : plan_(plan), donor_(donor), words_(words), draws_(mix64(mutation, hash_text("mutate"))) {}

  // What has to do with faults comes most often.
  void once() {
    constexpr uint64_t kWeights = 18;
    switch (draws_.below(kWeights)) {
      case 0:
      case 1:
        return add_donors_fault();
      case 2:
      case 3:
        return add_struck_mark();
      case 4:
        return drop_fault();
      case 5:
      case 6:
        return move_fault();
      case 7:
        return stretch_fault();
      case 8:
        return aim_fault();
      case 9:
        return repeat_fault();
      case 10:
        return other_kind();
      case 11:
      case 12:
        return interleave();
      case 13:
        return cluster_setting();
      case 14:
        return topic_setting();
      case 15:
        return client_setting();
      case 16:
        return other_sizes();
      default:
        return other_sites();
    }
  }
  bool another() { return draws_.one_in(2); }

 private:
  FaultPlan* any_fault() {
    return plan_.faults.empty() ? nullptr : &plan_.faults[draws_.below(plan_.faults.size())];
  }
  void add(FaultPlan fault) {
    if (plan_.faults.size() >= kMostFaults) {
      *any_fault() = std::move(fault);
    } else {
      plan_.faults.push_back(std::move(fault));
    }
  }
  std::string any_mark() { return std::string(mark_name(static_cast<Mark>(draws_.below(kMarkCount)))); }

  // ---- faults ----
  void add_donors_fault() {
    if (!donor_.faults.empty()) add(draws_.of(donor_.faults));
  }
  // What strikes a process that has just come to some moment, or that is at the place of some predicate.
  void add_struck_mark() {
    FaultPlan fault;
    fault.kind = kPlainKinds[draws_.below(std::size(kPlainKinds))];
    fault.target = kHere;
    hang(fault);
    fault.lasts = draws_.duration(milliseconds(20), seconds(15));
    add(std::move(fault));
  }
  void hang(FaultPlan& fault) {
    fault.trigger.at.reset();
    const bool predicate = !words_.predicates.empty() && draws_.one_in(3);
    fault.trigger.when = predicate ? std::string(draws_.of(words_.predicates)) : any_mark();
    fault.trigger.subject.clear();
    fault.trigger.nth = draws_.count(predicate ? 8 : 64);
    fault.trigger.delay = draws_.one_in(2) ? Duration{} : draws_.duration(milliseconds(1), seconds(3));
  }
  void drop_fault() {
    if (plan_.faults.size() < 2) return;
    plan_.faults.erase(plan_.faults.begin() + static_cast<ptrdiff_t>(draws_.below(plan_.faults.size())));
  }
  void move_fault() {
    FaultPlan* const fault = any_fault();
    if (fault == nullptr) return;
    FaultTrigger& trigger = fault->trigger;
    if (trigger.at && draws_.one_in(3)) return hang(*fault);
    if (trigger.at) {
      const auto span = static_cast<uint64_t>(std::max<int64_t>(plan_.duration.ms(), 1));
      trigger.at = milliseconds(static_cast<int64_t>(draws_.below(span)));
    } else if (draws_.one_in(2)) {
      trigger.nth = draws_.count(std::max<uint32_t>(trigger.nth, 8) * 2);
    } else {
      trigger.delay = draws_.one_in(3) ? Duration{} : draws_.duration(milliseconds(1), seconds(3));
    }
  }
  void stretch_fault() {
    if (FaultPlan* const fault = any_fault()) fault->lasts = draws_.duration(milliseconds(10), seconds(20));
  }
  void aim_fault() {
    FaultPlan* const fault = any_fault();
    if (fault == nullptr || fault->kind == kWipe) return;
    std::vector<std::string> targets = {"controller", "any broker", "any controller", "any", "all"};
    if (!fault->trigger.when.empty())
      targets.insert(targets.end(), {"here", "leader(here)", "follower(here)", "outsider(here)"});
    for (const TopicPlan& topic : plan_.topics) {
      const auto partition = draws_.below(static_cast<uint64_t>(topic.partitions));
      targets.push_back(fmt::format("leader({}-{})", topic.name, partition));
      targets.push_back(fmt::format("follower({}-{})", topic.name, partition));
    }
    if (const FaultWord* const word = word_of(fault->kind); word != nullptr && word->clients) {
      for (const char* client : {"any producer", "any consumer", "clients"}) targets.emplace_back(client);
    }
    fault->target = draws_.of(targets);
  }
  // The same again: soon after, or upon the next time its mark is reached.
  void repeat_fault() {
    const FaultPlan* const fault = any_fault();
    if (fault == nullptr) return;
    FaultPlan again = *fault;
    if (again.trigger.at) {
      again.trigger.at = *again.trigger.at + draws_.duration(milliseconds(5), seconds(8));
    } else {
      again.trigger.nth += draws_.count(16);
    }
    add(std::move(again));
  }
  void other_kind() {
    FaultPlan* const fault = any_fault();
    if (fault == nullptr) return;
    fault->kind = kPlainKinds[draws_.below(std::size(kPlainKinds))];
    const FaultWord* const word = word_of(fault->kind);
    std::erase_if(fault->parameters, [&](const auto& parameter) {
      return word == nullptr || std::find(word->parameters.begin(), word->parameters.end(),
                                          parameter.first) == word->parameters.end();
    });
  }

  const FaultWord* word_of(std::string_view kind) const {
    const auto word = std::find_if(words_.faults.begin(), words_.faults.end(),
                                   [&](const FaultWord& known) { return known.kind == kind; });
    return word == words_.faults.end() ? nullptr : &*word;
  }

  // ---- the rest ----
  void interleave() {
    plan_.explore = donor_.explore;
    plan_.explore.micro_seed = mix64(donor_.explore.micro_seed, draws_.below(1U << 16));
  }
  // One setting as the donor has it, or as if it were not set where the donor does not.
  void take_setting(Properties& into, const Properties& from) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : from) {
      const auto own = into.find(key);
      if (own == into.end() || own->second != value) keys.push_back(key);
    }
    for (const auto& [key, value] : into) {
      if (!from.contains(key)) keys.push_back(key);
    }
    if (keys.empty()) return;
    const std::string key = draws_.of(keys);
    if (const auto theirs = from.find(key); theirs != from.end()) {
      into[key] = theirs->second;
    } else {
      into.erase(key);
    }
  }
  void cluster_setting() { take_setting(plan_.cluster.config, donor_.cluster.config); }
  void topic_setting() {
    const size_t topics = std::min(plan_.topics.size(), donor_.topics.size());
    if (topics == 0) return;
    const size_t i = draws_.below(topics);
    take_setting(plan_.topics[i].config, donor_.topics[i].config);
  }
  void client_setting() {
    const size_t producers = std::min(plan_.producers.size(), donor_.producers.size());
    if (producers == 0) return;
    const size_t i = draws_.below(producers);
    // Settings of a producer belong together: acks and idempotence forbid each other some values.
    plan_.producers[i].config = donor_.producers[i].config;
    plan_.producers[i].interval = donor_.producers[i].interval;
    plan_.producers[i].burst = donor_.producers[i].burst;
    plan_.producers[i].record_bytes = donor_.producers[i].record_bytes;
  }
  void other_sizes() {
    plan_.sizes = donor_.sizes;
    plan_.network = donor_.network;
    plan_.disk.latency = donor_.disk.latency;
  }
  void other_sites() { plan_.buggify = donor_.buggify; }

  Plan& plan_;
  const Plan& donor_;
  const Vocabulary& words_;
  Draws draws_;
};

}  // namespace

void mutate(Plan& plan, const Plan& donor, uint64_t mutation, const Vocabulary& words) {
  constexpr int kMost = 5;
  Mutator mutator(plan, donor, mutation, words);
  mutator.once();
  for (int i = 1; i < kMost && mutator.another(); ++i) mutator.once();
  outwait_slow_reads(plan);  // its sites may be others now
}

}  // namespace ksim::sim
