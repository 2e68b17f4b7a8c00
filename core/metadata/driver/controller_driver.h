#pragma once
// The controller of a node: feeds it the committed log, appends what it decides while this node leads the
// quorum, lets replies out when what they promise is stable, and runs its periodic duties.
//
// Deciding and appending never wait, so on the one shard where raft and controller live an event is simply a
// call: requests, commits, leader changes and timers cannot come in between, which is all that Kafka's event
// queue is for (rule C1). What waits is a reply, as an entry by its offset.

#include <map>
#include <memory>
#include <vector>

#include "core/io/random.h"
#include "core/io/scope.h"
#include "core/io/sync.h"
#include "core/metadata/controller.h"
#include "core/raft/driver/raft_client.h"
#include "core/raft/driver/raft_listener.h"
#include "core/rpc/dispatcher.h"
#include "core/wire/messages/assign_replicas_to_dirs.h"

namespace ksim {

class ControllerDriver final : public raft::RaftListener {
 public:
  // All of them outlive the driver.
  ControllerDriver(const Env& env, raft::RaftClient& raft, const ServerConfig& server,
                   ControllerSettings settings);
  ControllerDriver(const ControllerDriver&) = delete;
  ControllerDriver& operator=(const ControllerDriver&) = delete;
  ~ControllerDriver() override;

  // Listens to the raft client from now on.
  void start();
  // Answers everything that waits with NOT_CONTROLLER and ends the duties. The raft client must have been
  // closed before.
  void stop();
  // Requests of brokers and clients, for the controllers' listener, and Envelope around those of them that
  // brokers pass on. Not the active controller: NOT_CONTROLLER.
  void register_handlers(rpc::HandlerTable& table);

  bool active() const { return controller_.active(); }
  const Controller& controller() const { return controller_; }
  size_t waiting_replies() const { return waiting_.size(); }

  // ---- raft::RaftListener ----
  Result<void> handle_commit(std::span<const raft::CommittedBatch> batches) override;
  Result<void> handle_load_snapshot(raft::SnapshotReader& snapshot) override;
  void handle_leader_change(const raft::LeaderAndEpoch& leader) override;

 private:
  // Draws of one kind for the pure parts.
  class SeamDraws final : public Draws {
   public:
    SeamDraws(Random& random, uint64_t entity) : dice_(random, Stream::placement, entity) {}
    uint64_t next() override { return dice_.next(); }

   private:
    Dice dice_;
  };
  // A decided answer on its way out.
  class Waiting {
   public:
    virtual ~Waiting() = default;
    virtual void let_out() = 0;
    virtual void refuse(ErrorCode code) = 0;
  };
  template <class Response>
  class WaitingReply;

  enum class Append : uint8_t { done, too_large, lost };
  Append write(const ControllerStep& step);
  Append append(const ControllerStep& step);  // the same, of what somebody asked for or duty demands
  Append resign();
  template <class Request, class Decide>
  void serve(rpc::HandlerTable& table, Decide decide);
  template <class Request, class Decide>
  void answer(const Request& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot, const Decide& decide);
  ControllerStep assign_directories(const wire::AssignReplicasToDirsRequest& request,
                                    ControllerReply<wire::AssignReplicasToDirsResponse>& reply);
  void let_out_stable();
  void emit_replayed(bool snapshot);
  void emit_notes();

  void activate(int32_t epoch);
  void deactivate();
  void run_duties();
  Instant next_duty() const;
  void do_duties();
  bool run_step(const ControllerStep& step);

  const Env& env_;
  raft::RaftClient& raft_;
  const ServerConfig& server_;
  Controller controller_;
  SeamDraws draws_;
  int64_t replayed_ = -1;                                     // last offset of the state that was told last
  std::multimap<int64_t, std::unique_ptr<Waiting>> waiting_;  // by the offset that must be stable
  Condition duties_changed_;
  Instant next_no_op_ = Instant::never();
  Instant next_balance_ = Instant::never();
  Instant next_unclean_ = Instant::never();
  Scope scope_;
};

}  // namespace ksim
