// The small files of a log directory and of its partitions: each by its parser, which reads again what it writes, and
// all together as a node finds them when it starts.

#include "core/record/builder.h"
#include "core/storage/checkpoint.h"
#include "core/storage/clean_shutdown.h"
#include "core/storage/epoch_cache.h"
#include "core/storage/index.h"
#include "core/storage/log_dirs.h"
#include "core/storage/meta_properties.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/producer_state.h"
#include "core/storage/segment.h"
#include "core/storage/txn_index.h"
#include "fuzz/one_node.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

using namespace storage;

constexpr const char* kDirectory = "data";
constexpr const char* kPartition = "data/orders-0";
constexpr const char* kInPartition = "orders-0.";  // of names: the file lies in the partition's directory
constexpr int64_t kBase = 100;

constexpr std::string_view kWords[] = {
    "0",          "1",           "version",     "cluster.id", "node.id",  "broker.id", "directory.id",
    "=",          ":",           "\\u0041",     "\\",         "#",        "!",         "orders 0 5",
    "orders-0",   "version: 0",  "topic_id: ",  "brokerEpoch", "{\"version\":0,\"brokerEpoch\":7}",
    "AAAAAAAAAAAAAAAAAAAAAA",     "AAAAAAAAAAEAAAAAAAAAAg"};

// ---- parsers ----

void check_offsets(std::string_view text) {
  const auto parsed = parse_offset_map(text);
  if (!parsed.ok()) return must(parsed.error().code == ErrorCode::CORRUPT_MESSAGE, "an error of another kind");
  const auto again = parse_offset_map(format_offset_map(*parsed));
  must(again.ok() && *again == *parsed, "a checkpoint comes back as another one");
}

void check_meta_properties(std::string_view text) {
  const auto parsed = parse_meta_properties(text);
  if (!parsed.ok()) return must(parsed.error().code == ErrorCode::INVALID_CONFIG, "an error of another kind");
  const auto again = parse_meta_properties(format_meta_properties(*parsed, WallTime{}));
  must(again.ok() && again->version == parsed->version && again->cluster_id == parsed->cluster_id &&
           again->node_id == parsed->node_id && again->directory_id == parsed->directory_id,
       "meta.properties comes back as another one");
}

void check_partition_metadata(std::string_view text) {
  const auto parsed = parse_partition_metadata(text);
  if (!parsed.ok()) return must(parsed.error().code == ErrorCode::CORRUPT_MESSAGE, "an error of another kind");
  const auto again = parse_partition_metadata(format_partition_metadata(*parsed));
  must(again.ok() && *again == *parsed, "partition.metadata comes back as another one");
}

void check_producer_snapshot(Bytes bytes) {
  ProducerState state;
  const auto loaded = state.load_snapshot(bytes, 1000, 0, INT64_MAX);
  if (!loaded.ok()) return must(loaded.error().code == ErrorCode::CORRUPT_MESSAGE, "an error of another kind");
  ProducerState again;
  must(again.load_snapshot(state.encode_snapshot(), 1000, 0, INT64_MAX).ok(), "a snapshot cannot be read again");
  must(again.producers().size() == state.producers().size(), "a snapshot comes back with other producers");
  must(equal(again.encode_snapshot(), state.encode_snapshot()), "a snapshot comes back as another one");
}

// ---- indexes, whose entries may say anything until somebody has looked (rule A77) ----

template <class File>
bool load(File& file, Bytes bytes) {
  file.attach(bytes.size());
  return file.load().ok();
}

void check_indexes(Env& env, const std::string& path, Bytes bytes) {
  OffsetIndex offsets(env.disk, path, kBase);
  if (load(offsets.file(), bytes)) {
    for (const int64_t offset : {kBase, kBase + 7, kBase + INT32_MAX}) static_cast<void>(offsets.lookup(offset));
    static_cast<void>(offsets.first_at_or_after(1));
    static_cast<void>(offsets.last());
    offsets.truncate_to(kBase + 5, 1000);
    must(offsets.file().save(true).ok(), "an index cannot be saved");
  }
  TimeIndex times(env.disk, path, kBase);
  times.file().attach(0);
  if (const auto stat = env.disk.stat(path); stat.ok()) times.file().attach(stat->size_bytes);
  if (times.file().load().ok()) {
    for (const int64_t when : {int64_t{-1}, int64_t{1000}, INT64_MAX}) static_cast<void>(times.lookup(when));
    times.truncate_to(kBase + 5);
    static_cast<void>(times.last());
    must(times.file().save(true).ok(), "an index cannot be saved");
  }
  TxnIndex transactions(env.disk, path);
  if (const auto stat = env.disk.stat(path); stat.ok()) transactions.file().attach(stat->size_bytes);
  if (transactions.file().load().ok()) {
    std::vector<AbortedTransaction> found;
    static_cast<void>(transactions.collect(kBase, kBase + 100, found));
    transactions.truncate_to(kBase + 50);
    must(transactions.file().sync(false).ok(), "an index cannot be synced");
  }
}

// ---- all together ----

LogDirs::Options directory_options() {
  LogDirs::Options options;
  options.paths = {kDirectory};
  options.node_id = 1;
  options.cluster_id = "AAAAAAAAAAEAAAAAAAAAAg";
  return options;
}

void start_node(Env& env) {
  LogDirs dirs(env, directory_options());
  if (!dirs.open().ok()) return;
  static_cast<void>(dirs.previous_broker_epoch());
  const auto found = dirs.begin_load();
  if (!found.ok()) return;
  for (const FoundLog& log : found->logs) {
    must(log.path.starts_with(kDirectory), "a log outside its directory");
    must(log.recovery_point >= 0 && log.log_start_offset >= 0 && log.high_watermark >= 0, "a mark below 0");
  }
  dirs.finish_load();
  for (size_t kind = 0; kind < static_cast<size_t>(CheckpointKind::count_); ++kind)
    must(dirs.update({0, static_cast<CheckpointKind>(kind), {{{"orders", 0}, 7}, {{"gone", 1}, std::nullopt}}}).ok(),
         "a checkpoint cannot be written");
  must(dirs.write_clean_markers(42, {true}).ok(), "a clean marker cannot be written");
  dirs.release();

  LogDirs again(env, directory_options());
  must(again.open().ok(), "a directory that was left in order cannot be opened");
  must(again.infos()[0].id == dirs.infos()[0].id && again.cluster_id() == dirs.cluster_id(), "a directory has another id");
  const auto epoch = again.previous_broker_epoch();
  must(epoch.ok() && *epoch == 42, "a clean marker has another epoch");
  const auto same = again.begin_load();
  must(same.ok() && same->logs.size() == found->logs.size(), "other logs are found the second time");
  for (const FoundLog& log : same->logs) {
    must(log.clean, "a log that was closed is not clean");
    if (log.topic_partition == TopicPartition{"orders", 0})
      must(log.recovery_point == 7 && log.log_start_offset == 7 && log.high_watermark == 7, "a checkpoint is lost");
  }
}

class SmallFilesTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.allocation_mib = 16;
    bounds.seconds = 2;
    bounds.smoke_mutations = 1000;
    return bounds;
  }

  void run(Bytes input) override {
    const std::vector<Piece> pieces = split_pieces(input);
    for (const Piece& piece : pieces) parse(piece);
    node_.run([&](Env& env) {
      std::vector<Piece> here;
      std::vector<Piece> in_partition;
      for (Piece piece : pieces) {
        const bool inside = piece.name.starts_with(kInPartition);
        if (inside) piece.name.erase(0, std::string_view(kInPartition).size());
        (inside ? in_partition : here).push_back(std::move(piece));
      }
      write_files(env.disk, kDirectory, here);
      if (!env.disk.stat(kPartition).ok()) write_files(env.disk, kPartition, in_partition);
      start_node(env);
      look_at_indexes(env, pieces);
    });
  }

  std::vector<ByteBuffer> corpus() override {
    const auto text = [](std::string name, std::string_view content) {
      return Piece{std::move(name), to_buffer(as_bytes(content))};
    };
    MetaProperties meta;
    meta.cluster_id = directory_options().cluster_id;
    meta.node_id = 1;
    meta.directory_id = Uuid{3, 4};
    const std::string properties = format_meta_properties(meta, WallTime{});
    const std::string offsets = format_offset_map({{{"orders", 0}, 17}, {{"parcels", 3}, 9'000'000'000}});
    const std::string prefix = kInPartition;
    std::vector<Piece> all = {text(std::string(kMetaPropertiesFile), properties),
                              text(std::string(kRecoveryPointFile), offsets),
                              text(std::string(kLogStartFile), offsets),
                              text(std::string(kHighWatermarkFile), offsets),
                              text(std::string(kCleanShutdownFile), R"({"version":0,"brokerEpoch":41})"),
                              text(prefix + std::string(kPartitionMetadataFile), format_partition_metadata(Uuid{5, 6})),
                              text(prefix + std::string(kEpochFileName), "0\n2\n0 0\n3 17\n"),
                              indexed(prefix + "00000000000000000100.index", 8),
                              indexed(prefix + "00000000000000000100.timeindex", 12),
                              indexed(prefix + "00000000000000000100.txnindex", 34),
                              {prefix + "00000000000000000100.snapshot", producers()}};
    std::vector<ByteBuffer> inputs;
    for (const Piece& piece : all) inputs.push_back(join_pieces({all[0], piece}));
    inputs.push_back(join_pieces(all));
    inputs.push_back(join_pieces({text(std::string(kMetaPropertiesFile), "version=0\nbroker.id=1\n")}));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_pieces(input, most, mutation, [&](Piece& piece, size_t room) {
      if (piece.name.find("index") != std::string::npos || piece.name.ends_with(kSnapshotSuffix))
        mutation.bytes(piece.bytes, room);
      else
        mutate_text(piece.bytes, room, kWords, mutation);
    });
  }

 private:
  static void parse(const Piece& piece) {
    const std::string_view text = as_text(piece.bytes);
    check_offsets(text);
    check_meta_properties(text);
    check_partition_metadata(text);
    check_producer_snapshot(piece.bytes);
    static_cast<void>(parse_clean_shutdown(text));
  }

  static void look_at_indexes(Env& env, const std::vector<Piece>& pieces) {
    must(env.disk.make_dir("indexes").ok(), "cannot make a directory");
    for (const Piece& piece : pieces) {
      if (!is_file_name(piece.name)) continue;
      const std::string path = join_path("indexes", "0.index");
      must(write_file_atomically(env.disk, path, piece.bytes).ok(), "cannot write a file");
      check_indexes(env, path, piece.bytes);
    }
    // The same bytes as epochs, which are read through the disk alone.
    for (const Piece& piece : pieces) {
      must(write_file_atomically(env.disk, join_path("indexes", kEpochFileName), piece.bytes).ok(), "cannot write");
      const auto epochs = read_epoch_file(env.disk, "indexes");
      if (!epochs.ok()) continue;
      must(write_epoch_file(env.disk, "indexes", *epochs).ok(), "epochs cannot be written");
      const auto again = read_epoch_file(env.disk, "indexes");
      must(again.ok() && again->entries() == epochs->entries(), "epochs come back as others");
    }
  }

  static Piece indexed(std::string name, size_t entry_bytes) {
    ByteBuffer bytes(3 * entry_bytes);
    for (size_t i = 0; i < 3; ++i) {
      if (entry_bytes == OffsetIndexEntry::kBytes)
        OffsetIndexEntry{static_cast<int32_t>(10 * i), static_cast<int32_t>(100 * i)}.store(bytes.data() + i * 8);
      else if (entry_bytes == TimeIndexEntry::kBytes)
        TimeIndexEntry{1000 + static_cast<int64_t>(i), static_cast<int32_t>(10 * i)}.store(bytes.data() + i * 12);
      else
        AbortedTxnEntry{7, 100, 110 + static_cast<int64_t>(10 * i), 90}.store(bytes.data() + i * 34);
    }
    return {std::move(name), std::move(bytes)};
  }

  static ByteBuffer producers() {
    ProducerState state;
    BatchOptions options;
    options.base_offset = 100;
    options.producer_id = 9;
    options.producer_epoch = 2;
    options.base_sequence = 5;
    const RecordInput record{1000, as_bytes("k"), as_bytes("v"), {}};
    const ByteBuffer batch = build_batch(options, std::span(&record, 1));
    must(state.apply(BatchView(batch), 100, 0).ok(), "a batch cannot be applied");
    return state.encode_snapshot();
  }

  OneNode node_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_small_files_target() { return std::make_unique<SmallFilesTarget>(); }

}  // namespace ksim::fuzz
