#include "core/apps/kctl/log_dump/segment_dump.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/log_dump/record_text.h"
#include "core/apps/kctl/text/time_text.h"
#include "core/record/control.h"
#include "core/storage/file_batches.h"

namespace ksim::kctl {
namespace {

using storage::BatchHeader;
using storage::FileBatches;

class SegmentWalk {
 public:
  SegmentWalk(const std::string& path, bool snapshot, const DumpOptions& options, DumpSink& sink,
              SegmentFacts& facts)
      : path_(path), snapshot_(snapshot), options_(options), sink_(sink), facts_(facts) {}

  Result<void> run(File& file, uint64_t size_bytes);

 private:
  void take(const BatchHeader& header, Bytes whole);
  void take_legacy(const BatchHeader& header, Bytes whole);
  void take_batch(const BatchHeader& header, const BatchView& batch, bool sound);
  void show_batch(const BatchHeader& header, const BatchView& batch, bool sound);
  // The kind of its first control record, if it is a control batch that can be read.
  void read_records(const BatchHeader& header, const BatchView& batch);
  void check_order(const BatchHeader& header, int64_t first_offset);
  void check_snapshot_end();
  void problem(uint64_t position, const std::string& what) {
    if (options_.deep) sink_.problem(path_, fmt::format("at position {}: {}", position, what));
  }

  const std::string& path_;
  bool snapshot_;
  const DumpOptions& options_;
  DumpSink& sink_;
  SegmentFacts& facts_;
  std::optional<int64_t> last_offset_;
  ControlType first_control_ = ControlType::unknown;
  ControlType last_control_ = ControlType::unknown;
};

void SegmentWalk::check_order(const BatchHeader& header, int64_t first_offset) {
  if (first_offset < facts_.base_offset)
    problem(header.position,
            fmt::format("offset {} is below the file's own {}", first_offset, facts_.base_offset));
  if (header.last_offset < first_offset)
    problem(header.position,
            fmt::format("the last offset {} is below the first, {}", header.last_offset, first_offset));
  if (last_offset_ && first_offset <= *last_offset_)
    problem(header.position, fmt::format("offset {} follows {}", first_offset, *last_offset_));
  if (header.leader_epoch >= 0 && header.leader_epoch < facts_.last_epoch)
    problem(header.position,
            fmt::format("leader epoch {} follows {}", header.leader_epoch, facts_.last_epoch));
}

void SegmentWalk::show_batch(const BatchHeader& header, const BatchView& batch, bool sound) {
  const auto codec = batch.compression();
  const std::string_view codec_name = codec ? to_string(*codec) : std::string_view("unknown");
  Json json = dump_object(path_, "batch");
  json.update(Json{{"position", header.position},
                   {"size", header.size_bytes},
                   {"base_offset", header.base_offset},
                   {"last_offset", header.last_offset},
                   {"records", batch.record_count()},
                   {"leader_epoch", header.leader_epoch},
                   {"max_timestamp", header.max_timestamp_ms},
                   {"timestamp_type",
                    batch.timestamp_type() == TimestampType::create_time ? "create_time" : "log_append_time"},
                   {"codec", codec_name},
                   {"producer_id", batch.producer_id()},
                   {"producer_epoch", batch.producer_epoch()},
                   {"base_sequence", batch.base_sequence()},
                   {"last_sequence", batch.last_sequence()},
                   {"transactional", batch.is_transactional()},
                   {"control", batch.is_control()},
                   {"delete_horizon", batch.delete_horizon_ms() ? Json(*batch.delete_horizon_ms()) : Json()},
                   {"crc", batch.stored_crc()},
                   {"crc_ok", sound}});
  std::string text =
      fmt::format("{}: offsets {}..{}  records {}  epoch {}  at {}  size {}  time {}  {}", path_,
                  header.base_offset, header.last_offset, batch.record_count(), header.leader_epoch,
                  header.position, header.size_bytes, format_time(header.max_timestamp_ms), codec_name);
  if (batch.has_producer_id())
    text += fmt::format("  producer {} epoch {} sequences {}..{}", batch.producer_id(),
                        batch.producer_epoch(), batch.base_sequence(), batch.last_sequence());
  if (batch.is_transactional()) text += "  transactional";
  if (batch.is_control()) text += "  control";
  if (const auto horizon = batch.delete_horizon_ms())
    text += fmt::format("  deletes kept until {}", format_time(*horizon));
  if (!sound) text += "  WRONG CHECKSUM";
  sink_.show(json, text);
}

void SegmentWalk::read_records(const BatchHeader& header, const BatchView& batch) {
  RecordCursor cursor(batch);
  RecordView record;
  std::optional<int64_t> previous;
  for (;;) {
    const auto more = cursor.next(record);
    if (!more.ok()) return problem(header.position, "its records: " + to_string(more.error()));
    if (!*more) return;
    if (record.offset < header.base_offset || record.offset > header.last_offset ||
        (previous && record.offset <= *previous))
      problem(header.position,
              fmt::format("a record has offset {} in a batch of {}..{}{}", record.offset, header.base_offset,
                          header.last_offset, previous ? fmt::format(", after {}", *previous) : ""));
    previous = record.offset;
    if (record.timestamp_ms > header.max_timestamp_ms)
      problem(header.position, fmt::format("the record at {} has timestamp {}, above the batch's {}",
                                           record.offset, record.timestamp_ms, header.max_timestamp_ms));
    if (batch.is_control()) {
      const auto type = parse_control_key(record.key);
      last_control_ = type.ok() ? *type : ControlType::unknown;
      if (facts_.batch_count == 0) first_control_ = last_control_;
    }
    const bool shown = options_.detail == Detail::records;
    if (!shown && !options_.deep) continue;
    auto json = record_json(record, batch, options_.metadata);
    if (!json.ok()) {
      problem(header.position, fmt::format("the record at {}: {}", record.offset, to_string(json.error())));
      continue;
    }
    if (!shown) continue;
    Json line = dump_object(path_, "record");
    line.update(*json);
    sink_.show(line, "  " + to_line(*json));
  }
}

void SegmentWalk::take_batch(const BatchHeader& header, const BatchView& batch, bool sound) {
  if (options_.detail != Detail::summary) show_batch(header, batch, sound);
  facts_.records += batch.record_count();
  last_control_ = ControlType::unknown;
  const bool wanted = options_.deep || options_.detail == Detail::records;
  if (wanted && sound) read_records(header, batch);
  if (!options_.deep) return;
  facts_.batches.push_back({header.base_offset, header.last_offset, header.position, header.max_timestamp_ms,
                            batch.producer_id(), header.leader_epoch, batch.last_sequence(),
                            batch.producer_epoch(), batch.is_control(), last_control_ == ControlType::abort});
}

// Formats v0 and v1: the header is all that is understood.
void SegmentWalk::take_legacy(const BatchHeader& header, Bytes whole) {
  const bool sound = storage::checksum_matches(whole);
  if (!sound) problem(header.position, "the checksum does not match");
  if (options_.detail != Detail::summary) {
    Json json = dump_object(path_, "batch");
    json.update(Json{{"position", header.position},
                     {"size", header.size_bytes},
                     {"last_offset", header.last_offset},
                     {"magic", header.magic},
                     {"max_timestamp", header.max_timestamp_ms},
                     {"crc_ok", sound}});
    sink_.show(json, fmt::format("{}: up to offset {}  at {}  size {}  message format v{}", path_,
                                 header.last_offset, header.position, header.size_bytes, header.magic));
  }
  if (options_.deep)
    facts_.batches.push_back(
        {header.base_offset, header.last_offset, header.position, header.max_timestamp_ms});
}

void SegmentWalk::take(const BatchHeader& header, Bytes whole) {
  if (header.magic == 2) {
    const BatchView batch(whole);
    const bool sound = batch.check().ok();
    if (!sound) problem(header.position, "the checksum does not match");
    check_order(header, header.base_offset);
    take_batch(header, batch, sound);
  } else {
    check_order(header, header.last_offset);
    take_legacy(header, whole);
  }
  ++facts_.batch_count;
  last_offset_ = std::max(header.last_offset, last_offset_.value_or(header.last_offset));
  facts_.last_epoch = std::max(facts_.last_epoch, header.leader_epoch);
  facts_.end_offset = *last_offset_ + 1;
}

void SegmentWalk::check_snapshot_end() {
  if (!snapshot_ || !options_.deep) return;
  if (first_control_ != ControlType::snapshot_header) sink_.problem(path_, "a snapshot without a header");
  if (last_control_ != ControlType::snapshot_footer)
    sink_.problem(path_, "a snapshot without a footer: it was not finished");
}

Result<void> SegmentWalk::run(File& file, uint64_t size_bytes) {
  FileBatches batches(file, 0, size_bytes, FileBatches::kScanWindow);
  const bool whole_needed = options_.deep || options_.detail != Detail::summary;
  for (;;) {
    const auto more = batches.next();
    if (!more.ok() && more.error().io != IoError::ok) return fail(more.error());
    if (!more.ok()) {
      problem(batches.position(), to_string(more.error()));
      break;
    }
    if (!*more) break;
    const BatchHeader header = batches.header();
    if (!whole_needed) {
      if (header.magic == 2) facts_.records += batches.view().record_count();
      ++facts_.batch_count;
      facts_.end_offset = header.last_offset + 1;
      facts_.last_epoch = std::max(facts_.last_epoch, header.leader_epoch);
      continue;
    }
    const auto whole = batches.whole();
    if (!whole.ok()) return fail(whole.error());
    take(header, *whole);
  }
  if (batches.position() < size_bytes) {
    const std::string what = fmt::format("{} bytes are no whole batch", size_bytes - batches.position());
    problem(batches.position(), what);
    Json json = dump_object(path_, "tail");
    json.update(Json{{"position", batches.position()}, {"size", size_bytes - batches.position()}});
    sink_.show(json, fmt::format("{}: at {} {}", path_, batches.position(), what));
  }
  check_snapshot_end();
  return {};
}

}  // namespace

const BatchFact* SegmentFacts::at_or_after(int64_t offset) const {
  const auto it = std::partition_point(batches.begin(), batches.end(),
                                       [&](const BatchFact& batch) { return batch.last_offset < offset; });
  return it == batches.end() ? nullptr : &*it;
}

const BatchFact* SegmentFacts::at_position(uint64_t position) const {
  const auto it = std::partition_point(batches.begin(), batches.end(),
                                       [&](const BatchFact& batch) { return batch.position < position; });
  return it == batches.end() || it->position != position ? nullptr : &*it;
}

Result<SegmentFacts> dump_segment(Disk& disk, const std::string& path, int64_t base_offset, bool snapshot,
                                  const DumpOptions& options, DumpSink& sink) {
  SegmentFacts facts;
  facts.path = path;
  facts.base_offset = facts.end_offset = base_offset;
  const auto file = disk.open(path, Open::read);
  if (!file.ok()) return fail(Error(file.error(), path));
  const auto size = (*file)->size();
  if (!size.ok()) return fail(Error(size.error(), path));
  facts.size_bytes = *size;
  TRY(SegmentWalk(path, snapshot, options, sink, facts).run(**file, *size));
  if (options.detail == Detail::summary) {
    Json json = dump_object(path, snapshot ? "metadata_snapshot" : "segment");
    json.update(Json{{"size", facts.size_bytes},
                     {"base_offset", facts.base_offset},
                     {"end_offset", facts.end_offset},
                     {"batches", facts.batch_count},
                     {"records", facts.records},
                     {"last_epoch", facts.last_epoch}});
    sink.show(json, fmt::format("{}: offsets {}..{}  batches {}  records {}  epoch {}  size {}", path,
                                facts.base_offset, facts.end_offset - 1, facts.batch_count, facts.records,
                                facts.last_epoch, facts.size_bytes));
  }
  return facts;
}

}  // namespace ksim::kctl
