#include "core/raft/driver/snapshot_file.h"

#include <charconv>

#include <fmt/format.h>

#include "core/record/control.h"
#include "core/wire/arena.h"
#include "core/wire/messages/control_records.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace ksim::raft {

namespace {

constexpr std::string_view kSuffix = ".checkpoint";
constexpr size_t kOffsetDigits = 20;
constexpr size_t kEpochDigits = 10;
constexpr size_t kNameLength = kOffsetDigits + 1 + kEpochDigits + kSuffix.size();

template <class T>
std::optional<T> digits(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return value;
}

bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

template <class T>
ByteBuffer control_value(const T& message) {
  wire::Writer w;
  encode(w, message, 0);
  ENSURE(w.status().ok(), "a control record that cannot be encoded");
  return w.take();
}

}  // namespace

std::string snapshot_name(OffsetAndEpoch id) {
  return fmt::format("{:020}-{:010}{}", id.offset, id.epoch, kSuffix);
}

std::string partial_snapshot_name(OffsetAndEpoch id, uint64_t unique) {
  return fmt::format("{:020}-{:010}-{}{}.part", id.offset, id.epoch, unique, kSuffix);
}

std::optional<OffsetAndEpoch> parse_snapshot_name(std::string_view name) {
  if (name.size() != kNameLength || !ends_with(name, kSuffix) || name[kOffsetDigits] != '-')
    return std::nullopt;
  const auto offset = digits<int64_t>(name.substr(0, kOffsetDigits));
  const auto epoch = digits<int32_t>(name.substr(kOffsetDigits + 1, kEpochDigits));
  if (!offset || !epoch) return std::nullopt;
  return OffsetAndEpoch{*offset, *epoch};
}

bool is_snapshot_leftover(std::string_view name) {
  return ends_with(name, ".checkpoint.part") || ends_with(name, ".checkpoint.deleted");
}

Result<std::vector<SnapshotInfo>> load_snapshots(Disk& disk, std::string_view directory) {
  const auto names = disk.list(directory);
  if (!names.ok()) return fail(Error(names.error(), std::string(directory)));
  std::vector<SnapshotInfo> found;
  for (const std::string& name : *names) {
    const std::string path = join_path(directory, name);
    if (is_snapshot_leftover(name)) {
      if (auto removed = disk.remove(path); !removed.ok()) return fail(Error(removed.error(), path));
      continue;
    }
    const auto id = parse_snapshot_name(name);
    if (!id) continue;
    const auto stat = disk.stat(path);
    if (!stat.ok()) return fail(Error(stat.error(), path));
    found.push_back({*id, static_cast<int64_t>(stat->size_bytes)});
  }
  return found;
}

// ---- writing ----

Result<std::unique_ptr<RawSnapshotWriter>> RawSnapshotWriter::create(Disk& disk, std::string_view directory,
                                                                     OffsetAndEpoch id, uint64_t unique) {
  std::string part = join_path(directory, partial_snapshot_name(id, unique));
  auto file = disk.open(part, Open::create_truncate);
  if (!file.ok()) return fail(Error(file.error(), part));
  return std::unique_ptr<RawSnapshotWriter>(
      new RawSnapshotWriter(disk, directory, id, std::move(part), std::move(file).value()));
}

Result<void> RawSnapshotWriter::append(Bytes bytes) {
  if (auto written = write_fully(*file_, size_, bytes); !written.ok())
    return fail(Error(written.error(), part_));
  size_ += bytes.size();
  return {};
}

Result<std::unique_ptr<SnapshotReader>> RawSnapshotWriter::read_back() const {
  return std::unique_ptr<SnapshotReader>(new SnapshotReader(id_, file_, size_));
}

Result<void> RawSnapshotWriter::freeze() {
  if (auto synced = file_->sync(SyncMode::all); !synced.ok()) return fail(Error(synced.error(), part_));
  const std::string path = join_path(directory_, snapshot_name(id_));
  if (auto renamed = disk_.rename(part_, path); !renamed.ok()) return fail(Error(renamed.error(), path));
  if (auto synced = disk_.sync_dir(directory_); !synced.ok()) return fail(Error(synced.error(), directory_));
  return {};
}

// What cannot be removed now is removed by the next start.
void RawSnapshotWriter::abandon() { static_cast<void>(disk_.remove(part_)); }

struct SnapshotWriter::Batch {
  explicit Batch(const BatchOptions& options) : builder(options) {}
  BatchBuilder builder;
};

SnapshotWriter::SnapshotWriter(std::unique_ptr<RawSnapshotWriter> raw, int64_t now_ms, size_t max_batch_bytes)
    : raw_(std::move(raw)), now_ms_(now_ms), max_batch_bytes_(max_batch_bytes) {}

SnapshotWriter::~SnapshotWriter() = default;

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::create(std::unique_ptr<RawSnapshotWriter> raw,
                                                               int64_t last_contained_timestamp_ms,
                                                               int64_t now_ms, size_t max_batch_bytes) {
  std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(std::move(raw), now_ms, max_batch_bytes));
  wire::SnapshotHeaderRecord header;
  header.last_contained_log_timestamp = last_contained_timestamp_ms;
  TRY(writer->write_control(static_cast<int16_t>(ControlType::snapshot_header), control_value(header)));
  return writer;
}

Result<void> SnapshotWriter::write_control(int16_t type, Bytes value) {
  const ControlRecord record{static_cast<ControlType>(type), value};
  const ByteBuffer batch =
      build_control_batch(std::span(&record, 1), now_ms_, next_offset_, raw_->id().epoch);
  ++next_offset_;
  return raw_->append(batch);
}

Result<void> SnapshotWriter::append(std::span<const Bytes> values) {
  for (const Bytes value : values) {
    RecordInput record;
    record.timestamp_ms = now_ms_;
    record.value = value;
    if (batch_ != nullptr &&
        batch_->builder.uncompressed_bytes() + batch_->builder.size_with(record) > max_batch_bytes_) {
      TRY(drain());
    }
    if (batch_ == nullptr) {
      BatchOptions options;
      options.base_offset = next_offset_;
      options.leader_epoch = raw_->id().epoch;
      batch_ = std::make_unique<Batch>(options);
    }
    batch_->builder.append(record);
    ++next_offset_;
  }
  return {};
}

Result<void> SnapshotWriter::drain() {
  if (batch_ == nullptr) return {};
  const ByteBuffer bytes = batch_->builder.build();
  batch_.reset();
  return raw_->append(bytes);
}

Result<uint64_t> SnapshotWriter::freeze() {
  TRY(drain());
  TRY(write_control(static_cast<int16_t>(ControlType::snapshot_footer),
                    control_value(wire::SnapshotFooterRecord{})));
  TRY(raw_->freeze());
  return raw_->size_bytes();
}

// ---- reading ----

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open(Disk& disk, std::string_view directory,
                                                             OffsetAndEpoch id) {
  const std::string path = join_path(directory, snapshot_name(id));
  auto file = disk.open(path, Open::read);
  if (!file.ok()) return fail(Error(file.error(), path));
  const auto size = (*file)->size();
  if (!size.ok()) return fail(Error(size.error(), path));
  return std::unique_ptr<SnapshotReader>(new SnapshotReader(id, std::move(file).value(), *size));
}

Result<bool> SnapshotReader::read_batch(BatchView& batch) {
  if (position_ == size_) return false;
  if (size_ - position_ < kBatchHeaderBytes)
    return fail(ErrorCode::CORRUPT_MESSAGE, "a snapshot ends in a batch");
  buffer_.resize(kBatchMagicEnd);
  if (auto read = read_fully(*file_, position_, buffer_); !read.ok())
    return fail(Error(read.error(), "snapshot"));
  TRY_ASSIGN(const size_t size, peek_batch_size(buffer_));
  if (size < kBatchHeaderBytes || size > size_ - position_) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "a snapshot ends in a batch");
  }
  buffer_.resize(size);
  if (auto read = read_fully(*file_, position_, buffer_); !read.ok())
    return fail(Error(read.error(), "snapshot"));
  batch = BatchView(buffer_);
  TRY(batch.check());
  position_ += size;
  return true;
}

Result<bool> SnapshotReader::take_control(const BatchView& batch) {
  RecordCursor records(batch);
  RecordView record;
  for (;;) {
    TRY_ASSIGN(const bool more, records.next(record));
    if (!more) return false;
    TRY_ASSIGN(const ControlType type, parse_control_key(record.key));
    if (type == ControlType::snapshot_footer) return true;
    if (type != ControlType::snapshot_header || !record.value) continue;
    wire::Arena arena;
    wire::Reader reader(*record.value, arena);
    wire::SnapshotHeaderRecord header;
    TRY(decode(reader, header, 0));
    last_contained_timestamp_ms_ = header.last_contained_log_timestamp;
  }
}

Result<bool> SnapshotReader::next(std::vector<Bytes>& values) {
  values.clear();
  for (;;) {
    BatchView batch;
    TRY_ASSIGN(const bool more, read_batch(batch));
    if (!more) return fail(ErrorCode::CORRUPT_MESSAGE, "a snapshot without its footer");
    if (batch.is_control()) {
      TRY_ASSIGN(const bool footer, take_control(batch));
      if (footer) return false;
      continue;
    }
    if (batch.is_compressed()) return fail(ErrorCode::CORRUPT_MESSAGE, "a compressed snapshot");
    RecordCursor records(batch);
    RecordView record;
    for (;;) {
      TRY_ASSIGN(const bool another, records.next(record));
      if (!another) break;
      if (!record.value) return fail(ErrorCode::CORRUPT_MESSAGE, "a snapshot record without a value");
      values.push_back(*record.value);
    }
    return true;
  }
}

}  // namespace ksim::raft
