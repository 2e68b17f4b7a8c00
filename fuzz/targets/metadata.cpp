// What a controller or broker starts from: quorum-state, snapshots and segments of the metadata log, and the records
// in them, which become an image. An image that came of any records is written as a snapshot and read again as the
// same.

#include "core/metadata/delta.h"
#include "core/metadata/image_writer.h"
#include "core/metadata/log_state.h"
#include "core/metadata/records.h"
#include "core/raft/driver/metadata_log.h"
#include "core/raft/driver/quorum_state_file.h"
#include "core/raft/driver/snapshot_file.h"
#include "core/record/builder.h"
#include "core/wire/fill.h"
#include "core/wire/reflect.h"
#include "core/wire/writer.h"
#include "fuzz/batches.h"
#include "fuzz/one_node.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

constexpr const char* kRecord = "record";  // the pieces that are no files: values of records, in order
const std::string kLogDirectory = "data/__cluster_metadata-0";
constexpr int16_t kNewest = 25;  // metadata.version

constexpr std::string_view kWords[] = {"leaderId",    "leaderEpoch",      "votedId", "votedDirectoryId", "data_version",
                                       "clusterId",   "currentVoters",    "null",    "\"\"",             "[]",
                                       "{}",          "AAAAAAAAAAcAAAAAAAAACA"};

// ---- quorum-state ----

void check_quorum_state(std::string_view text) {
  const auto parsed = raft::parse_quorum_state(text);
  if (!parsed.ok()) return must(parsed.error().code == ErrorCode::CORRUPT_MESSAGE, "an error of another kind");
  must(parsed->epoch >= 0, "an epoch below 0");
  const auto again = raft::parse_quorum_state(raft::format_quorum_state(*parsed, raft::VoterSet{}));
  must(again.ok() && again->epoch == parsed->epoch && again->leader_id == parsed->leader_id &&
           again->voted.has_value() == parsed->voted.has_value(),
       "quorum-state comes back as another one");
}

// ---- records ----

void check_image(const MetadataImageRef& image) {
  const RecordList records = image_records(*image);
  const auto loaded = load_snapshot(image->provenance, records.values());
  must(loaded.ok(), "the snapshot of an image cannot be read: " + (loaded.ok() ? "" : loaded.error().message));
  must(image_hash(*loaded->image) == image_hash(*image), "an image comes back as another one");
  const MetadataDelta all = MetadataDelta::between(empty_image(), image);
  must(image_hash(all.image()) == image_hash(*image), "the delta to an image leads elsewhere");
  const MetadataDelta none = MetadataDelta::between(image, image);
  must(none.changed_topics().empty() && none.deleted_topics().empty() && none.changed_brokers().empty(),
       "an image differs from itself");
}

// As a node does: a batch that cannot be applied leaves everything as it was.
void apply_records(const std::vector<Bytes>& values) {
  LogState state;
  constexpr size_t kInBatch = 4;
  for (size_t at = 0; at < values.size(); at += kInBatch) {
    const std::span<const Bytes> some(values.data() + at, std::min(kInBatch, values.size() - at));
    MetadataBatch batch;
    batch.base_offset = state.offset + 1;
    batch.last_offset = state.offset + static_cast<int64_t>(some.size());
    batch.epoch = 1;
    batch.records = some;
    const int64_t before = state.offset;
    const MetadataImageRef image = state.image;
    ChangedPartitions changed;
    const auto applied = apply_batch(state, batch, &changed);
    if (!applied.ok()) {
      must(state.offset == before && state.image == image, "a batch that was refused has left something");
      continue;
    }
    must(state.offset == batch.last_offset && state.stable_offset() <= state.offset, "offsets are wrong after a batch");
    for (const auto& [id, partitions] : changed) {
      for (const int32_t partition : partitions)
        static_cast<void>(state.image->partition(id, partition));
    }
    check_image(state.stable_image());
  }
}

// ---- files ----

void load_snapshot_file(raft::SnapshotReader& reader) {
  SnapshotLoad load;
  std::vector<Bytes> values;
  for (;;) {
    const auto more = reader.next(values);
    if (!more.ok()) return;
    if (!*more) break;
    if (!load.add(values).ok()) return;
  }
  check_image(load.finish({reader.id().offset - 1, reader.id().epoch, 0}).image);
}

void read_batches(const raft::LogChunk& chunk, std::vector<ByteBuffer>& values) {
  BatchCursor cursor(chunk.bytes);
  BatchView batch;
  for (;;) {
    const auto more = cursor.next(batch);
    if (!more.ok() || !*more) return;
    must(batch.check().ok(), "a batch of the opened log has a wrong checksum");
    if (batch.is_control()) continue;
    RecordCursor records(batch);
    for (RecordView record; records.advance(record);)
      if (record.value) values.push_back(to_buffer(*record.value));
  }
}

void open_log(Env& env) {
  static_cast<void>(raft::read_quorum_state(env.disk, kLogDirectory));
  raft::MetadataLogConfig config;
  config.log_dir = "data";
  auto log = raft::MetadataLog::open(env, config);
  if (!log.ok()) return;
  raft::MetadataLog& opened = **log;
  must(opened.start_offset() <= opened.end_offset(), "the log ends before it begins");
  static_cast<void>(opened.view());
  for (const raft::SnapshotInfo& info : opened.snapshots()) {
    auto reader = opened.open_snapshot(info.id);
    if (reader.ok()) load_snapshot_file(**reader);
  }
  std::vector<ByteBuffer> values;
  for (int64_t at = opened.start_offset(); at < opened.end_offset();) {
    const auto chunk = opened.read(at, 1 << 20);
    must(chunk.ok() && !chunk->bytes.empty(), "the opened log cannot be read");
    BatchCursor cursor(chunk->bytes);
    BatchView batch;
    int64_t next = at;
    for (;;) {
      const auto more = cursor.next(batch);
      if (!more.ok() || !*more) break;
      next = batch.next_offset();
    }
    if (next <= at) break;  // batches of an older format
    read_batches(*chunk, values);
    at = next;
  }
  const std::vector<Bytes> views(values.begin(), values.end());
  apply_records(views);
  opened.advance_high_watermark(opened.end_offset());
  static_cast<void>(opened.truncate(opened.end_offset()));
  must(opened.close().ok(), "the opened log cannot be closed");
}

// ---- inputs to begin with ----

// A cluster of two brokers and two topics, then some of each other kind of record.
RecordList some_cluster() {
  RecordList list;
  wire::FeatureLevelRecord version;
  version.name = kMetadataVersionFeature;
  version.feature_level = kNewest;
  list.add(version, 0);
  const Uuid directory{7, 101};
  for (int32_t id = 1; id <= 2; ++id) {
    wire::BrokerEndpoint endpoint;
    endpoint.name = "PLAINTEXT";
    endpoint.host = "h";
    endpoint.port = 9092;
    wire::RegisterBrokerRecord broker;
    broker.broker_id = id;
    broker.broker_epoch = id;
    broker.incarnation_id = Uuid{5, static_cast<uint64_t>(id)};
    broker.end_points = std::span(&endpoint, 1);
    std::vector<Uuid> directories{directory};
    broker.log_dirs = directories;
    list.add(broker, 3);
    wire::BrokerRegistrationChangeRecord change;
    change.broker_id = id;
    change.broker_epoch = id;
    change.fenced = -1;
    list.add(change, 2);
  }
  for (uint64_t topic = 1; topic <= 2; ++topic) {
    const std::string name = "topic-" + std::to_string(topic);
    wire::TopicRecord record;
    record.name = name;
    record.topic_id = Uuid{1, topic};
    list.add(record, 0);
    PartitionRegistration partition;
    partition.replicas = {1, 2};
    partition.directories = {directory, kDirectoryUnassigned};
    partition.isr = {1};
    partition.elr = {2};
    partition.leader = 1;
    for (int32_t i = 0; i < 2; ++i) add_partition_record(list, record.topic_id, i, partition, kNewest);
    std::vector<int32_t> isr{1, 2};
    wire::PartitionChangeRecord change;
    change.topic_id = record.topic_id;
    change.partition_id = 0;
    change.isr = isr;
    list.add(change, 2);
    wire::ConfigRecord config;
    config.resource_type = static_cast<int8_t>(ConfigResourceType::topic);
    config.resource_name = name;
    config.name = "retention.ms";
    config.value = "5";
    list.add(config, 0);
  }
  wire::RemoveTopicRecord gone;
  gone.topic_id = Uuid{1, 2};
  list.add(gone, 0);
  return list;
}

// Frame version, type, version, and a message filled with what is drawn.
ByteBuffer filled_record(const wire::MessageInfo& message, int16_t version) {
  wire::Arena arena;
  void* const object = message.ops->make(arena);
  wire::fill(message, object, version, arena, {wire::FillRule::Variant::mixed, 3});
  wire::Writer writer;
  writer.uvarint(1);
  writer.uvarint(static_cast<uint64_t>(message.key));
  writer.uvarint(static_cast<uint64_t>(version));
  message.ops->encode(writer, object, version);
  must(writer.ok(), "a filled record cannot be written");
  return to_buffer(writer.bytes());
}

std::vector<Piece> pieces_of(const RecordList& list) {
  std::vector<Piece> pieces;
  for (const Bytes value : list.values()) pieces.push_back({kRecord, to_buffer(value)});
  return pieces;
}

void write_metadata(Env& env) {
  must(env.disk.make_dir("data").ok(), "cannot make a directory");
  raft::MetadataLogConfig config;
  config.log_dir = "data";
  auto log = raft::MetadataLog::open(env, config);
  must(log.ok(), "an empty log cannot be opened");
  const RecordList records = some_cluster();
  const std::vector<Bytes> values = records.values();
  auto snapshot = (*log)->create_snapshot({5, 1}, 1000);
  must(snapshot.ok() && (*snapshot)->append(values).ok() && (*snapshot)->freeze().ok(), "cannot write a snapshot");
  must(raft::write_quorum_state(env.disk, kLogDirectory, {3, 1, raft::ReplicaKey{1, kZeroUuid}}, {}).ok(),
       "cannot write quorum-state");
  must((*log)->close().ok(), "cannot close");
}

// A segment as a follower would have written it.
ByteBuffer segment_of(const RecordList& list) {
  ByteBuffer segment;
  BatchOptions options;
  for (const Bytes value : list.values()) {
    options.leader_epoch = options.base_offset < 6 ? 1 : 2;
    RecordInput record;
    record.timestamp_ms = 1000;
    record.value = value;
    const ByteBuffer batch = build_batch(options, std::span(&record, 1));
    segment.insert(segment.end(), batch.begin(), batch.end());
    ++options.base_offset;
  }
  return segment;
}

class MetadataTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 8192;
    bounds.allocation_mib = 192;  // a stream of zstd may ask for a window of 128
    bounds.seconds = 5;
    bounds.smoke_mutations = 1000;
    return bounds;
  }

  void run(Bytes input) override {
    const std::vector<Piece> pieces = split_pieces(input);
    std::vector<Bytes> values;
    std::vector<Piece> files;
    for (const Piece& piece : pieces) {
      if (piece.name == kRecord)
        values.push_back(piece.bytes);
      else
        files.push_back(piece);
      if (piece.name == raft::kQuorumStateFile) check_quorum_state(as_text(piece.bytes));
    }
    apply_records(values);
    if (files.empty()) return;
    node_.run([&](Env& env) {
      must(env.disk.make_dir("data").ok(), "cannot make a directory");
      write_files(env.disk, kLogDirectory, files);
      open_log(env);
    });
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    const RecordList cluster = some_cluster();
    std::vector<Piece> pieces = pieces_of(cluster);
    inputs.push_back(join_pieces(pieces));
    pieces.resize(8);
    for (const wire::MessageInfo* message : wire::all_messages()) {
      if (message->kind != wire::MessageKind::record) continue;
      for (int16_t version = message->lowest; version <= message->highest; ++version) {
        pieces.push_back({kRecord, filled_record(*message, version)});
        inputs.push_back(join_pieces(pieces));
        pieces.pop_back();
      }
    }
    std::vector<Piece> files;
    node_.run([&](Env& env) {
      write_metadata(env);
      files = read_files(env.disk, kLogDirectory);
    });
    inputs.push_back(join_pieces(files));
    files = {{"00000000000000000000.log", segment_of(cluster)},
             {std::string(raft::kQuorumStateFile),
              to_buffer(as_bytes(raft::format_quorum_state({7, -1, raft::ReplicaKey{2, kZeroUuid}}, {})))}};
    inputs.push_back(join_pieces(files));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_pieces(input, most, mutation, [&](Piece& piece, size_t room) {
      if (piece.name.ends_with(".log") || piece.name.ends_with(".checkpoint"))
        mutate_batches(piece.bytes, room, mutation);
      else if (piece.name == raft::kQuorumStateFile || piece.name == "leader-epoch-checkpoint")
        mutate_text(piece.bytes, room, kWords, mutation);
      else
        mutation.bytes(piece.bytes, room);
    });
  }

 private:
  OneNode node_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_metadata_target() { return std::make_unique<MetadataTarget>(); }

}  // namespace ksim::fuzz
