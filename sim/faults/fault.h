#pragma once
// Faults are a removable layer over a run. A kind is one file here and one line in all.cpp: it says what its
// words mean, and begins and ends itself on the world through FaultStage.
//
// Faults overlap. What several of them do to one machine or way is stacked there (Troubles of a disk or a
// way, pauses, those who keep a machine down): each takes only its own away, and the thing is well again when
// the last one has ended.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/plan.h"
#include "sim/world.h"

namespace ksim::sim {

// What a fault may do and ask. Implemented by the runner.
class FaultStage {
 public:
  virtual ~FaultStage() = default;
  virtual World& world() = 0;
  // The nodes that a plan's target means now: "broker-2", "leader(orders-0)", "follower(orders-0)" (in
  // the ISR), "outsider(orders-0)" (a replica that is not), "controller" (the active one), "any controller",
  // "any broker", "brokers", "controllers", "all", "rack a", "clients", "producers", "consumers", "any
  // client", "any producer", "any consumer". `fault` keys the draw of "any ...". Empty: there is none now.
  virtual std::vector<SimNode*> resolve(const std::string& target, uint64_t fault) = 0;
  // Starts the node's process as soon as it is down, unless something keeps it down. A client is another
  // session then; one that has come to its end by itself, unasked, is not started again.
  virtual void start(SimNode& node) = 0;
  virtual void crash(SimNode& node) = 0;
  virtual void power_loss(const std::vector<SimNode*>& nodes) = 0;
  // The process dies, and the machine gets another disk, which holds this and no more.
  virtual void replace_disk(SimNode& node, const DiskCopy& copy) = 0;
  // From its next start on the broker listens for clients under another port. False: it cannot, since others
  // would no more find it.
  virtual bool move(SimNode& node) = 0;
  // What its next process is given over what it had.
  virtual void configure(SimNode& node, const Properties& settings) = 0;
  // Asks the process to stop in order.
  virtual void stop(SimNode& node) = 0;
  // Its disk is well again. A process that has given up a log directory takes it back at its next start only:
  // it is stopped in order and started again. False: it has given up none.
  virtual bool take_back(SimNode& node) = 0;
  // Every other node of the cluster, brokers and controllers; with_clients adds the clients' nodes.
  virtual std::vector<SimNode*> others(const SimNode& node, bool with_clients) = 0;
  // The disk of the node has changed bytes of its logs by itself.
  virtual void damaged(SimNode& node) = 0;
  // What the cluster knows of a node, for the words of an effect: "led 2 partitions".
  virtual std::string role_of(const SimNode& node) = 0;
};

// A fault that has begun. end() undoes it; called at most once, by its time or when the run heals everything.
class ActiveFault {
 public:
  virtual ~ActiveFault() = default;
  virtual std::string end(FaultStage& stage) = 0;  // what healing did, may be empty
  // A process has died: true if nothing of the fault is left by that.
  virtual bool is_over_without(const SimNode& died) {
    static_cast<void>(died);
    return false;
  }
  // For faults that come to their end by themselves: they call it outside fibers, and are ended then.
  std::function<void()> over;
};

struct Began {
  std::unique_ptr<ActiveFault> active;  // null: it is over at once
  std::string effect;                   // what it did; where it did nothing, why
  bool took_effect = true;
};
inline Began no_effect(std::string why) { return {nullptr, std::move(why), false}; }

struct FaultKind {
  std::string_view name;
  std::string_view text;
  std::vector<std::string_view> parameters;
  // `targets` has at least one node.
  Began (*begin)(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                 uint64_t key);
  // Must not begin in a fiber, as a fault that hangs on a mark else does.
  bool outside_fibers = false;
  // May strike the machines of clients as well.
  bool clients = false;
};

std::string join_names(const std::vector<SimNode*>& nodes);
// A parameter of the plan as a duration or number; the default if it is missing or malformed.
Duration parameter(const FaultPlan& plan, std::string_view name, Duration otherwise);
uint64_t parameter(const FaultPlan& plan, std::string_view name, uint64_t otherwise);
std::string parameter(const FaultPlan& plan, std::string_view name, const std::string& otherwise);

}  // namespace ksim::sim
