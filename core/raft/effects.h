#pragma once
// What goes into the consensus core and what comes out of it.
//
// Order between effects is data (DESIGN "Pure protocol logic"): disk operations carry ascending persist
// numbers and are performed one after the other; whatever others may see carries the number it waits for.
// Nobody but PersistGate (persist_gate.h) can open an Effects, and PersistGate lets nothing out before its
// number is done, so no driver can send a promise that is not durable (rules B1, B12, B15, B24, B25).

#include "core/base/strong_id.h"
#include "core/raft/messages.h"

namespace ksim::raft {

// Number of a disk operation; 0 waits for nothing.
using PersistNumber = StrongId<struct PersistTag, uint64_t>;

// ---- in ----

struct Tick {};  // time has passed
struct RequestIn {
  uint64_t ticket = 0;  // names the reply
  Request request;
};
struct ResponseIn {
  int32_t peer = kNoNode;
  uint64_t correlation = 0;
  Response response;
};
struct RequestFailed {  // timed out, disconnected, or an answer that made no sense
  int32_t peer = kNoNode;
  uint64_t correlation = 0;
};
struct DiskDone {  // the operation of this number and all before it are done
  PersistNumber number;
};
struct ClientAppend {
  uint64_t ticket = 0;  // names the AppendOutcome
  int32_t epoch = 0;    // in which the caller believes this node to lead (rule B27)
  // Where the caller needs its first record to be, if it cares: else UNKNOWN_SERVER_ERROR, nothing appended.
  std::optional<int64_t> required_offset;
  int32_t record_count = 0;
  Buffer batch;  // one encoded batch; base offset and epoch are set in place when it is appended
};
struct Resign {
  int32_t epoch = 0;
};
struct Shutdown {
  Duration timeout;
};
struct SnapshotCreated {  // a snapshot of committed state has been frozen on disk (rule B41)
  OffsetAndEpoch id;
  int64_t size_bytes = 0;
};
struct CleanUpTo {  // raise the log start to this snapshot's offset (rule B43)
  OffsetAndEpoch id;
};
using Input = std::variant<Tick, RequestIn, ResponseIn, RequestFailed, DiskDone, ClientAppend, Resign,
                           Shutdown, SnapshotCreated, CleanUpTo>;

// ---- out: disk operations ----

struct PersistQuorumState {
  ElectionRecord record;
};
// The control record that opens an epoch (rules A23, B20).
struct LeaderChange {
  int32_t leader_id = kNoNode;
  std::vector<int32_t> voters;
  std::vector<int32_t> granting_voters;
};
struct AppendEntry {  // one batch
  int64_t base_offset = 0;
  int32_t record_count = 0;
  std::variant<Buffer, LeaderChange> payload;
};
struct AppendAsLeader {
  int32_t epoch = 0;
  std::vector<AppendEntry> entries;
};
struct AppendAsFollower {
  RecordBytes records;  // only the batches to be appended
};
struct TruncateLog {
  int64_t offset = 0;
  OffsetAndEpoch leader_end;  // why: where the leader says that epoch ends
};
struct FlushLog {};
struct StoreSnapshotChunk {  // position 0 begins the .part file anew
  OffsetAndEpoch id;
  int64_t position = 0;
  Buffer owner;
  Bytes bytes;
};
struct InstallSnapshot {  // freeze it, empty the log and start it at id.offset (rule B45)
  OffsetAndEpoch id;
};
struct TrimLog {  // delete what lies below, older snapshots included
  int64_t start_offset = 0;
};
using DiskAction = std::variant<PersistQuorumState, AppendAsLeader, AppendAsFollower, TruncateLog, FlushLog,
                                StoreSnapshotChunk, InstallSnapshot, TrimLog>;
struct DiskOp {
  PersistNumber number;
  DiskAction action;
};

// ---- out: what others see ----

struct SendRequest {
  int32_t peer = kNoNode;
  uint64_t correlation = 0;
  Request request;
};
struct SendReply {
  uint64_t ticket = 0;
  Response response;
};
struct AppendOutcome {  // error, or the offsets the batch will have if it is ever committed
  uint64_t ticket = 0;
  ErrorCode error = ErrorCode::NONE;
  int64_t base_offset = -1;
  int64_t last_offset = -1;
};
struct StateChanged {
  const char* state = "";
  int32_t epoch = 0;
  int32_t leader_id = kNoNode;
  int32_t voted_id = kNoNode;
};
struct LeaderChanged {
  int32_t epoch = 0;
  int32_t leader_id = kNoNode;
  int64_t epoch_start_offset = -1;  // known to the new leader only (rule B56)
};
struct HighWatermarkUpdated {
  int32_t epoch = 0;
  int64_t high_watermark = 0;
};
struct SnapshotInstalled {
  OffsetAndEpoch id;
};
struct ShutdownComplete {};
using Outward = std::variant<SendRequest, SendReply, AppendOutcome, StateChanged, LeaderChanged,
                             HighWatermarkUpdated, SnapshotInstalled, ShutdownComplete>;

// All that one step has decided. Opaque to everybody but the gate that carries it out.
class Effects {
 public:
  Effects() = default;
  bool empty() const { return disk_.empty() && outward_.empty(); }

 private:
  friend class Outbox;
  friend class PersistGate;
  struct Waiting {
    PersistNumber after;
    Outward what;
  };
  std::vector<DiskOp> disk_;
  std::vector<Waiting> outward_;
};

// Where a step writes its effects. Knows the last persist of each kind, so that no caller has to.
class Outbox {
 public:
  PersistNumber persist(DiskAction action);
  // Waits for the quorum state in force (rule B1), and for `also` if that is later.
  void outward(Outward what, PersistNumber also = {});
  // For this node's own client: promises nothing that anybody else relies on.
  void at_once(AppendOutcome outcome);
  PersistNumber last() const { return last_; }
  Effects take();

 private:
  Effects effects_;
  PersistNumber last_;
  PersistNumber quorum_state_;
};

}  // namespace ksim::raft
