// The directory of a partition in any state: opening it gives a log that holds what a log promises, or says
// why not. What was not closed in order and is scanned from its beginning is held to all of it.

#include "core/storage/log.h"

#include "core/apps/kctl/log_dump/log_dump.h"
#include "core/record/builder.h"
#include "core/record/control.h"
#include "core/storage/epoch_cache.h"
#include "fuzz/batches.h"
#include "fuzz/one_node.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

using storage::FetchIsolation;
using storage::Log;
using storage::LogOpen;
using LogRef = std::shared_ptr<Log>;

constexpr const char* kDirectory = "d/orders-0";
constexpr const char* kOptions = "options";  // the piece that is no file
constexpr size_t kOptionBytes = 17;
constexpr Uuid kTopicId{7, 7};

// How the log is opened: a byte of choices, the recovery point, the log start.
struct Opening {
  bool clean = false;
  bool compact = false;
  bool metadata = false;
  bool dumped = false;  // by kctl as well, which takes longer than all the rest
  int64_t recovery_point = 0;
  int64_t log_start = 0;

  explicit Opening(Bytes bytes) {
    if (bytes.size() < kOptionBytes) return;
    clean = (bytes[0] & 1) != 0;
    compact = (bytes[0] & 2) != 0;
    metadata = (bytes[0] & 4) != 0;
    dumped = (bytes[0] & 8) != 0;
    recovery_point = load_be<int64_t>(bytes.data() + 1);
    log_start = load_be<int64_t>(bytes.data() + 9);
  }
  // Checkpoints have no other numbers.
  bool makes_sense() const { return recovery_point >= 0 && log_start >= 0; }
  // Every batch is looked at before the log is used.
  bool scans_all() const { return !clean && recovery_point == 0 && log_start == 0; }

  LogOpen options() const {
    LogOpen open;
    open.path = kDirectory;
    open.topic_partition = {"orders", 0};
    open.config.segment_bytes = 1500;
    open.config.index_interval_bytes = 100;
    open.config.verify_transactions = false;
    open.config.cleanup_compact = compact;
    open.config.cleanup_delete = !compact;
    open.config.retention_ms = -1;
    open.config.retention_bytes = 4000;
    open.config.producer_id_expiration_ms = INT64_MAX;
    open.track_producers = !metadata;
    open.clean = clean;
    open.recovery_point = recovery_point;
    open.log_start_offset = log_start;
    return open;
  }
};

ByteBuffer bytes_of(const storage::LogRead& read) {
  ByteBuffer bytes;
  for (const FileSlice& slice : read.slices) {
    const auto part = read_slice(slice);
    must(part.ok(), "a slice that was found cannot be read");
    bytes.insert(bytes.end(), part->begin(), part->end());
  }
  return bytes;
}

void check_marks(const Log& log) {
  must(log.log_start_offset() >= 0 && log.log_start_offset() <= log.high_watermark(),
       "the log start is out of place");
  must(log.high_watermark() <= log.log_end_offset(), "the high watermark is above the log end");
  must(log.last_stable_offset() <= log.high_watermark(),
       "the last stable offset is above the high watermark");
  const auto bases = log.segment_bases();
  must(!bases.empty(), "a log without segments");
  must(log.log_start_offset() >= bases.front() || bases.front() == 0,
       "the log start is below the first segment");
  int32_t epoch = -1;
  int64_t start = -1;
  for (const storage::EpochEntry& entry : log.epoch_entries()) {
    must(entry.epoch > epoch && entry.start_offset > start, "epochs do not rise");
    must(entry.start_offset <= log.log_end_offset(), "an epoch begins behind the log end");
    epoch = entry.epoch;
    start = entry.start_offset;
  }
}

// Batch by batch: `all` are sound and in order. True: up to the log end. What once was compacted has holes,
// and may have been cut within one.
bool walk(Log& log, bool all) {
  int64_t last = -1;
  int64_t at = log.log_start_offset();
  while (at < log.log_end_offset()) {
    const auto read = log.read(at, 1, FetchIsolation::log_end, true);
    must(!all || read.ok(), "a recovered log cannot be read");
    if (!read.ok() || read->size_bytes == 0) return false;
    const ByteBuffer bytes = bytes_of(*read);
    BatchCursor cursor(bytes);
    BatchView batch;
    const auto whole = cursor.next(batch);
    if (!all && (!whole.ok() || !*whole)) return false;
    if (!whole.ok()) return false;  // of an older format
    must(*whole, "a batch comes cut");
    const bool in_order = batch.base_offset() > last && batch.last_offset() >= batch.base_offset();
    if (all) {
      must(batch.check().ok(), "a batch of a recovered log has a wrong checksum");
      must(in_order, "offsets of a recovered log do not rise");
      must(batch.last_offset() < log.log_end_offset(), "a batch lies behind the log end");
    }
    if (batch.last_offset() < at) {
      must(!all, "a read gives what lies before it");
      return false;
    }
    last = batch.last_offset();
    at = batch.next_offset();
  }
  return at == log.log_end_offset();
}

std::string state_of(const Log& log) {
  std::string text = std::to_string(log.log_start_offset()) + ".." + std::to_string(log.log_end_offset());
  // An epoch without records is forgotten when a log is loaded.
  for (const storage::EpochEntry& entry : log.epoch_entries())
    if (entry.start_offset < log.log_end_offset())
      text += " " + std::to_string(entry.epoch) + "@" + std::to_string(entry.start_offset);
  for (const auto& [id, entry] : log.producers().producers())
    text += " producer " + std::to_string(id) + "/" + std::to_string(entry.epoch) + " " +
            std::to_string(entry.last_sequence()) + " " + std::to_string(entry.txn_first_offset);
  return text;
}

// Whatever may be asked; what comes of it is the log's business.
void ask_everything(Log& log) {
  const int64_t start = log.log_start_offset();
  const int64_t end = log.log_end_offset();
  const int64_t middle = start + (end - start) / 2;
  for (const int64_t when : {int64_t{0}, int64_t{1005}, INT64_MAX, int64_t{-2}, int64_t{-3}, int64_t{-4}})
    static_cast<void>(log.offset_for_timestamp(when));
  for (const int64_t offset : {start, middle, end, int64_t{0}, INT64_MAX}) {
    static_cast<void>(log.offset_metadata(offset));
    static_cast<void>(log.epoch_for_offset(offset));
    static_cast<void>(log.aborted_transactions(start, offset));
    for (const auto isolation :
         {FetchIsolation::log_end, FetchIsolation::high_watermark, FetchIsolation::txn_committed})
      static_cast<void>(log.read(offset, 4000, isolation, false));
  }
  for (const int32_t epoch : {0, 1, 5, INT32_MAX}) static_cast<void>(log.end_offset_for_epoch(epoch));
  log.update_high_watermark(middle);
  check_marks(log);
  log.update_high_watermark(end);
  check_marks(log);
  log.remove_expired_producers();
}

ByteBuffer batch_of(int32_t records, int64_t producer_id, int32_t sequence, bool transactional,
                    Compression codec) {
  BatchOptions options;
  options.producer_id = producer_id;
  if (producer_id >= 0) options.producer_epoch = 0;
  if (producer_id >= 0) options.base_sequence = sequence;
  options.transactional = transactional;
  options.compression = codec;
  BatchBuilder builder(options);
  for (int32_t i = 0; i < records; ++i) {
    RecordInput record;
    record.timestamp_ms = 1000 + i;
    record.value = as_bytes("a value of some length");
    builder.append(record);
  }
  return builder.build();
}

// True: it is possible that a log has so many offsets.
bool has_room(const Log& log) { return log.log_end_offset() < INT64_MAX - INT32_MAX; }

// The log goes on, is cut, closed, and opened again as the same.
void use(Env& env, const LogRef& log, const Opening& opening) {
  const bool all = opening.scans_all();
  if (has_room(*log)) {
    ByteBuffer batch = batch_of(3, -1, -1, false, Compression::none);
    const int32_t epoch = log->latest_epoch().value_or(0);
    const int64_t end = log->log_end_offset();
    const auto appended = log->append_as_leader(batch, epoch);
    if (all) must(appended.ok(), "a recovered log cannot be appended to");
    if (appended.ok()) {
      must(appended->first_offset == end && log->log_end_offset() == end + 3, "an append is somewhere else");
      const auto read = log->read(end, 1, FetchIsolation::log_end, true);
      must(read.ok() && equal(bytes_of(*read), batch), "what was appended is read as something else");
    }
    static_cast<void>(walk(*log, all));
    static_cast<void>(log->roll());
  }
  const int64_t middle = log->log_start_offset() + (log->log_end_offset() - log->log_start_offset()) / 2;
  const auto cut = log->truncate_to(middle);
  if (all)
    must(cut.ok() && log->log_end_offset() <= std::max(middle, log->log_start_offset()),
         "a log cannot be cut");
  check_marks(*log);
  const bool whole = walk(*log, all);
  static_cast<void>(log->delete_old_segments());
  check_marks(*log);
  const auto closed = log->close();
  if (!closed.ok()) return must(!all, "a recovered log cannot be closed: " + to_string(closed.error()));
  Opening again = opening;
  again.clean = true;
  again.recovery_point = log->recovery_point();
  again.log_start = log->log_start_offset();
  const auto reopened = Log::open(env, again.options());
  if (!reopened.ok())
    return must(!all, "a log that was closed cannot be opened: " + to_string(reopened.error()));
  check_marks(**reopened);
  // One that was cut within a hole ends in front of that hole when it is loaded.
  if (all && whole)
    must(state_of(**reopened) == state_of(*log),
         "a closed log comes back as another one: " + state_of(*log) + " became " + state_of(**reopened));
  (*reopened)->abandon();
}

class Nowhere final : public kctl::DumpSink {
 public:
  void show(const kctl::Json&, const std::string&) override {}
  void problem(const std::string&, const std::string&) override {}
};

void dump(Disk& disk) {
  Nowhere sink;
  kctl::DumpOptions options;
  options.detail = kctl::Detail::records;
  options.deep = true;
  static_cast<void>(kctl::dump_path(disk, kDirectory, options, sink));
}

// A log of some segments: producers, transactions that end either way, epochs, codecs.
void write_log(Env& env, Opening opening, int batches) {
  must(env.disk.make_dir("d").ok() && env.disk.make_dir(kDirectory).ok(), "cannot make a directory");
  LogOpen options = opening.options();
  options.topic_id = kTopicId;
  const auto log = Log::open(env, options);
  must(log.ok(), "an empty log cannot be opened");
  const auto append = [&](ByteBuffer batch, storage::AppendOrigin origin = storage::AppendOrigin::client) {
    must((*log)->append_as_leader(batch, batches / 5, origin).ok(), "cannot append");
  };
  for (int i = 0; i < batches; ++i) {
    append(batch_of(1 + i % 4, -1, -1, false, static_cast<Compression>(i % kCompressionCount)));
    if (opening.metadata) continue;
    append(batch_of(1, 10, i, false, Compression::none));
    append(batch_of(2, 20, 2 * i, true, Compression::none));
    EndTxnMarkerBatch marker;
    marker.producer_id = 20;
    marker.producer_epoch = 0;
    marker.marker.type = i % 2 == 0 ? ControlType::commit : ControlType::abort;
    if (i % 3 != 2) append(build_end_txn_marker(marker), storage::AppendOrigin::coordinator);
  }
  (*log)->update_high_watermark((*log)->log_end_offset());
  if (opening.clean)
    must((*log)->close().ok(), "cannot close");
  else
    must((*log)->flush_all().ok(), "cannot flush");
  (*log)->abandon();
}

class LogTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 16 << 10;
    bounds.allocation_mib = 192;  // a stream of zstd may ask for a window of 128
    bounds.seconds = 5;
    bounds.smoke_mutations = 600;
    return bounds;
  }

  void run(Bytes input) override {
    std::vector<Piece> files = split_pieces(input);
    Opening opening(Bytes{});
    std::erase_if(files, [&](const Piece& piece) {
      if (piece.name == kOptions) opening = Opening(piece.bytes);
      return piece.name == kOptions;
    });
    if (!opening.makes_sense()) return;
    node_.run([&](Env& env) {
      must(env.disk.make_dir("d").ok(), "cannot make a directory");
      write_files(env.disk, kDirectory, files);
      if (opening.dumped) dump(env.disk);
      const auto log = Log::open(env, opening.options());
      if (!log.ok()) {
        const ErrorCode code = log.error().code;
        must(code == ErrorCode::KAFKA_STORAGE_ERROR || code == ErrorCode::INCONSISTENT_TOPIC_ID,
             "opening fails in another way: " + to_string(log.error()));
        return;
      }
      check_marks(**log);
      static_cast<void>(walk(**log, opening.scans_all()));
      ask_everything(**log);
      use(env, *log, opening);
    });
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    constexpr uint8_t kChoices[] = {0, 1, 4, 2, 8, 9};
    for (const uint8_t choices : kChoices) {
      for (const int batches : {0, 1, 4, 12}) {
        ByteBuffer option(kOptionBytes);
        option[0] = choices;
        const Opening opening(option);
        std::vector<Piece> pieces;
        node_.run([&](Env& env) {
          write_log(env, opening, batches);
          pieces = read_files(env.disk, kDirectory);
        });
        if (choices == 1) option[8] = static_cast<uint8_t>(batches * 5);  // the recovery point
        pieces.insert(pieces.begin(), {kOptions, option});
        inputs.push_back(join_pieces(pieces));
      }
    }
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_pieces(input, most, mutation, [&](Piece& piece, size_t room) {
      if (piece.name.ends_with(".log"))
        mutate_batches(piece.bytes, room, mutation);
      else if (piece.name == storage::kEpochFileName || piece.name == "partition.metadata")
        mutate_text(piece.bytes, room, {}, mutation);
      else
        mutation.bytes(piece.bytes, room);
    });
  }

 private:
  OneNode node_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_log_target() { return std::make_unique<LogTarget>(); }

}  // namespace ksim::fuzz
