#pragma once
// From the metadata log to images: every node's loader applies what is committed and publishes it, in order,
// to those who act on it (rules C50, B42).

#include <vector>

#include "core/io/scope.h"
#include "core/io/sync.h"
#include "core/metadata/delta.h"
#include "core/metadata/log_state.h"
#include "core/raft/driver/raft_client.h"
#include "core/raft/driver/raft_listener.h"

namespace ksim {

class MetadataPublisher {
 public:
  virtual ~MetadataPublisher() = default;
  virtual std::string_view name() const = 0;
  // `image` is what the delta leads to. The first one a publisher is given starts from the empty image. May
  // wait; the next publication waits for it. A failure stops the node.
  virtual Result<void> publish(const MetadataDelta& delta, const MetadataImageRef& image) = 0;
};

struct MetadataLoaderOptions {
  int64_t snapshot_every_bytes = 20 << 20;     // metadata.log.max.record.bytes.between.snapshots
  Duration snapshot_interval = seconds(3600);  // metadata.log.max.snapshot.interval.ms; 0: not by time
};

// Belongs to the shard of the raft client. Each commit is published at once, however many batches it has; a
// metadata transaction only as a whole. Nothing is published before the high watermark is known, everything
// below it but the last record is applied, and a real record was among it.
class MetadataLoader final : public raft::RaftListener {
 public:
  MetadataLoader(const Env& env, raft::RaftClient& raft, MetadataLoaderOptions options);
  MetadataLoader(const MetadataLoader&) = delete;
  MetadataLoader& operator=(const MetadataLoader&) = delete;

  // Publications go to publishers in the order in which they were added. One that is added later gets the
  // whole image as soon as no other publication is under way.
  void add_publisher(MetadataPublisher& publisher);
  // Listens to the raft client from now on.
  void start();
  // Ends the fiber that writes snapshots. The raft client must have been closed, or be closed next.
  void stop();

  // What was published last; the empty image before the first time.
  const MetadataImageRef& image() const { return published_; }
  bool has_published() const { return has_published_; }
  // Waits for the first publication; false at the deadline.
  bool wait_published(Deadline deadline);

  // ---- raft::RaftListener ----
  Result<void> handle_commit(std::span<const raft::CommittedBatch> batches) override;
  Result<void> handle_load_snapshot(raft::SnapshotReader& snapshot) override;
  void handle_leader_change(const raft::LeaderAndEpoch& leader) override;
  Result<void> handle_nudge() override;

 private:
  struct Publisher {
    MetadataPublisher* publisher;
    bool initialized;
  };
  bool caught_up() const;
  Result<void> publish();
  Result<void> greet_publishers();
  void want_snapshot_if_due();
  void run_snapshots();
  Result<void> write_snapshot(const MetadataImage& image);

  const Env& env_;
  raft::RaftClient& raft_;
  MetadataLoaderOptions options_;
  std::vector<Publisher> publishers_;
  LogState state_;  // everything applied
  MetadataImageRef published_ = empty_image();
  bool has_published_ = false;
  bool seen_record_ = false;
  bool from_snapshot_ = false;  // the state, since the last publication
  int64_t bytes_since_snapshot_ = 0;
  int64_t snapshot_offset_ = -1;  // last offset that the newest snapshot covers
  Instant last_snapshot_at_;
  MetadataImageRef snapshot_wanted_;
  Condition snapshot_due_;
  Condition first_published_;
  Scope scope_;
};

}  // namespace ksim
