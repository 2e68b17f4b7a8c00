// Crashes after every disk operation of a busy log, in every way the simulated disk may lose what was not
// synced, and what must hold after recovery (S1-S3): the log is a prefix of what was appended, in one of the
// courses its truncations gave it; what counted as durable is there; and everything loaded from indexes,
// snapshots and checkpoints is what a scan of the batches alone gives.

#include <algorithm>

#include "core/base/repetitions.h"
#include "core/storage/crash_disk.h"
#include "core/storage/log_manager.h"
#include "core/storage/test_log.h"

namespace ksim::storage {
namespace {

const Uuid kTopic{3, 5};
const TopicPartition kPartition{"orders", 0};

// What a log may hold: batches by base offset. Each truncation begins a new course with what it left.
struct Course {
  int64_t end = 0;
  std::map<int64_t, ByteBuffer> batches;
};

struct Model {
  std::vector<Course> courses{1};
  size_t settled = 0;         // what was cut from the courses before this one must not come back
  int64_t acked_end = 0;      // of the last course: what appends have returned
  int64_t durable = 0;        // recovery point that the log claimed last
  int64_t log_start = 0;      // that the log claimed last
  bool process_only = false;  // the crash keeps the page cache
  Course& now() { return courses.back(); }
};

struct CrashingConfigs final : LogConfigs {
  LogConfig config_of(std::string_view) override { return config; }
  LogConfig config;
};

LogConfig small_config(bool compacted) {
  LogConfig config;
  config.segment_bytes = 900;
  config.index_interval_bytes = 150;
  config.retention_ms = -1;
  config.retention_bytes = 2500;
  config.cleanup_compact = compacted;
  config.verify_transactions = false;
  config.producer_id_expiration_ms = std::numeric_limits<int64_t>::max();
  return config;
}

// One incarnation of the storage of a node.
struct CrashingStorage {
  CrashingStorage(const Env& e, bool compacted) : env(e), dirs(env, options()), link(dirs) {
    configs.config = small_config(compacted);
  }
  static LogDirs::Options options() {
    LogDirs::Options options;
    options.paths = {"data"};
    options.node_id = 1;
    options.cluster_id = "c";
    return options;
  }
  bool start() {
    if (!dirs.open().ok()) return false;
    manager.emplace(env, link, dirs.infos());
    manager->start();
    const auto found = dirs.begin_load();
    if (!found.ok()) return false;
    manager->load(found->logs, configs, 1);
    dirs.finish_load();
    auto opened = manager->open(kPartition, kTopic, kDirectoryUnassigned, configs.config);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : to_string(opened.error()));
    if (opened.ok()) log = *opened;
    return opened.ok();
  }
  void stop() {
    const std::vector<bool> in_order = manager->close();
    EXPECT_TRUE(dirs.write_clean_markers(1, in_order).ok());
    manager->stop();
    dirs.release();
  }
  Env env;
  CrashingConfigs configs;
  LogDirs dirs;
  LocalLogDirLink link;
  std::optional<LogManager> manager;
  std::shared_ptr<Log> log;
};

// Draws operations and does them to the log and to the model.
class Workload {
 public:
  Workload(CrashingStorage& storage, Model& model, uint64_t seed)
      : storage_(storage), model_(model), state_(seed) {}

  void run(int operations) {
    epoch_ = storage_.log->latest_epoch().value_or(-1) + 1;
    for (int i = 0; i < operations; ++i) {
      step();
      note();
    }
  }
  // Cuts several flushed segments off, whose end a checkpoint knows, and writes others in their place.
  void run_deep_truncation() {
    for (int i = 0; i < 16; ++i) append_plain();
    static_cast<void>(log().flush_all());
    note();
    storage_.manager->checkpoint_recovery_points();
    truncate_to(log().log_end_offset() / 4);
    note();
    for (int i = 0; i < 16; ++i) append_plain();
    note();
  }
  // What the log claims at this moment.
  void note() {
    model_.durable = std::min(storage_.log->recovery_point(), limit_);
    model_.log_start = std::min(storage_.log->log_start_offset(), limit_);
  }

 private:
  uint64_t draw(uint64_t bound) {
    state_ = mix64(state_, 0x9e3779b97f4a7c15ULL);
    return state_ % bound;
  }
  Log& log() { return *storage_.log; }

  ByteBuffer build(TestBatch spec) {
    spec.records = 1 + static_cast<int32_t>(draw(3));
    spec.timestamp_ms = 1000 + static_cast<int64_t>(draw(500));
    spec.value = std::string(20 + draw(150), static_cast<char>('a' + draw(26)));
    return make_batch(spec);
  }
  void expect_append(const ByteBuffer& batch, AppendOrigin origin) {
    ByteBuffer expected = batch;
    BatchEditor editor(expected);
    editor.set_base_offset(log().log_end_offset());
    editor.set_leader_epoch(epoch_);
    const int64_t next = editor.view().next_offset();
    model_.now().batches[log().log_end_offset()] = expected;
    model_.now().end = next;
    ByteBuffer bytes = batch;
    const auto done = log().append_as_leader(bytes, epoch_, origin);
    ASSERT_TRUE(done.ok()) << to_string(done.error());
    ASSERT_FALSE(done->duplicate);
    ASSERT_EQ(log().log_end_offset(), next);
    model_.acked_end = next;
  }
  void append_of(int64_t producer_id, bool transactional) {
    TestBatch spec;
    spec.producer_id = producer_id;
    const ProducerEntry* known = log().producers().find(producer_id);
    spec.producer_epoch = known == nullptr ? int16_t{0} : known->epoch;
    spec.base_sequence =
        known == nullptr || known->batch_count == 0 ? 0 : add_sequence(known->last_sequence(), 1);
    spec.transactional = transactional;
    expect_append(build(spec), AppendOrigin::client);
  }
  void end_transaction() {
    for (const auto& [id, entry] : log().producers().producers()) {
      if (entry.txn_first_offset < 0) continue;
      return expect_append(make_marker(id, entry.epoch, draw(2) == 0), AppendOrigin::coordinator);
    }
  }
  void append_fetched() {
    ByteBuffer chunk;
    int64_t end = log().log_end_offset();
    for (uint64_t i = 0; i <= draw(3); ++i) {
      ByteBuffer batch = build({.base_offset = end, .leader_epoch = epoch_});
      model_.now().batches[end] = batch;
      model_.now().end = end = BatchView(batch).next_offset();
      chunk.insert(chunk.end(), batch.begin(), batch.end());
    }
    const auto done = log().append_as_follower(chunk, epoch_);
    ASSERT_TRUE(done.ok()) << to_string(done.error());
    model_.acked_end = end;
  }
  void begin_course(int64_t offset, bool keep) {
    Course next;
    if (keep) {
      for (const auto& [base, bytes] : model_.now().batches) {
        if (BatchView(bytes).last_offset() < offset) next.batches[base] = bytes;
      }
    }
    next.end = offset;
    model_.courses.push_back(std::move(next));
    limit_ = offset;
    note();
    model_.acked_end = std::min(model_.acked_end, offset);
  }
  void append_plain() { expect_append(build({}), AppendOrigin::client); }
  void truncate() { truncate_to(log().log_end_offset() - static_cast<int64_t>(draw(12))); }
  void truncate_to(int64_t offset) {
    for (const auto& [base, bytes] : model_.now().batches) {  // to the start of a batch
      if (offset > base && offset <= BatchView(bytes).last_offset()) offset = base;
    }
    offset = std::max(offset, log().log_start_offset());
    begin_course(offset, true);
    ASSERT_TRUE(log().truncate_to(offset).ok());
    model_.settled = model_.courses.size() - 1;
    limit_ = std::numeric_limits<int64_t>::max();
    model_.acked_end = log().log_end_offset();
    ++epoch_;
  }
  void start_over() {
    const int64_t offset = log().log_end_offset() + static_cast<int64_t>(draw(20));
    begin_course(offset, false);
    limit_ = 0;
    model_.acked_end = 0;  // all of it goes
    ASSERT_TRUE(log().truncate_fully_and_start_at(offset).ok());
    model_.settled = model_.courses.size() - 1;
    limit_ = std::numeric_limits<int64_t>::max();
    ++epoch_;
  }
  void step() {
    switch (draw(22)) {
      case 0:
        return static_cast<void>(log().roll());
      case 1:
        return static_cast<void>(log().flush_all());
      case 2:
        return storage_.manager->checkpoint_recovery_points();
      case 3:
        return storage_.manager->checkpoint_log_starts();
      case 4:
        return truncate();
      case 5:
        log().update_high_watermark(log().log_end_offset());
        return;
      case 6: {
        const int64_t room = log().high_watermark() - log().log_start_offset();
        const int64_t start =
            log().log_start_offset() + static_cast<int64_t>(draw(static_cast<uint64_t>(room) + 1)) / 3;
        return static_cast<void>(log().increment_log_start(start, LogStartReason::records_deleted));
      }
      case 7:
        return static_cast<void>(log().delete_old_segments());
      case 8:
        return storage_.env.sleep(milliseconds(static_cast<int64_t>(draw(20))));
      case 9:
        return draw(6) == 0 ? start_over() : append_fetched();
      case 10:
      case 11:
        return append_of(11 + static_cast<int64_t>(draw(2)), true);
      case 12:
      case 13:
        return end_transaction();
      case 14:
      case 15:
      case 16:
        return append_of(1 + static_cast<int64_t>(draw(3)), false);
      default:
        return append_plain();
    }
  }

  CrashingStorage& storage_;
  Model& model_;
  uint64_t state_;
  int32_t epoch_ = 0;
  int64_t limit_ = std::numeric_limits<int64_t>::max();  // claims end here while a truncation is under way
};

// ---- after recovery ----

std::map<int64_t, ByteBuffer> batches_of(Log& log) {
  std::map<int64_t, ByteBuffer> found;
  for (int64_t at = log.log_start_offset(); at < log.log_end_offset();) {
    const auto read = log.read(at, 1, FetchIsolation::log_end, true);
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : to_string(read.error()));
    if (!read.ok() || read->size_bytes == 0) {
      ADD_FAILURE() << "no batch at " << at << " below the log end " << log.log_end_offset();
      break;
    }
    ByteBuffer bytes = bytes_of(*read);
    const BatchView batch(bytes);
    EXPECT_TRUE(batch.check().ok());
    EXPECT_LE(batch.base_offset(), at);
    EXPECT_GE(batch.last_offset(), at);
    at = batch.next_offset();
    found[batch.base_offset()] = std::move(bytes);
  }
  return found;
}

bool is_prefix(const std::map<int64_t, ByteBuffer>& found, const Course& course, int64_t log_end) {
  if (found.empty()) return log_end <= course.end;
  int64_t next = found.begin()->first;
  for (const auto& [base, bytes] : found) {
    const auto expected = course.batches.find(base);
    if (base != next || expected == course.batches.end() || expected->second != bytes) return false;
    next = BatchView(bytes).next_offset();
  }
  return true;
}

void check_content(Log& log, const Model& model) {
  const auto found = batches_of(log);
  const int64_t end = log.log_end_offset();
  bool known = false;
  for (size_t i = model.settled; i < model.courses.size(); ++i)
    known = known || is_prefix(found, model.courses[i], end);
  EXPECT_TRUE(known) << "the log is no prefix of anything that was written; it ends at " << end;
  EXPECT_GE(end, model.durable) << "flushed records are gone";
  EXPECT_GE(log.log_start_offset(), model.log_start) << "the log start went back";
  if (model.process_only) {
    EXPECT_GE(end, model.acked_end) << "a crash of the process lost records";
  }
}

// The same batches without indexes, snapshots and epochs.
std::shared_ptr<Log> scan(Env& env, Log& log) {
  static_cast<void>(env.disk.make_dir("scan"));
  const std::vector<std::string> old = env.disk.list("scan").value();
  for (const std::string& name : old) EXPECT_TRUE(env.disk.remove("scan/" + name).ok());
  for (const int64_t base : log.segment_bases()) {
    const std::string name = segment_file_name(base, kLogSuffix);
    const auto bytes = read_file(env.disk, log.path() + "/" + name);
    EXPECT_TRUE(bytes.ok());
    EXPECT_TRUE(write_file_atomically(env.disk, "scan/" + name, *bytes).ok());
  }
  LogOpen options;
  options.path = "scan";
  options.topic_partition = kPartition;
  options.config = log.config();
  options.log_start_offset = log.log_start_offset();
  auto opened = Log::open(env, options);
  EXPECT_TRUE(opened.ok());
  return *opened;
}

void check_state(Env& env, Log& log) {
  const std::shared_ptr<Log> scanned = scan(env, log);
  EXPECT_EQ(log.log_end_offset(), scanned->log_end_offset());
  // An empty log may remember the epoch of its deleted records.
  if (!log.empty()) {
    EXPECT_EQ(log.epoch_entries(), scanned->epoch_entries());
  }
  const int64_t first = log.segment_bases().front();
  for (const auto& [id, entry] : scanned->producers().producers()) {
    const ProducerEntry* loaded = log.producers().find(id);
    ASSERT_NE(loaded, nullptr) << "producer " << id;
    EXPECT_EQ(loaded->epoch, entry.epoch) << "producer " << id;
    if (loaded->last_batch() == nullptr || loaded->last_batch()->last_offset >= first) {
      EXPECT_EQ(loaded->last_sequence(), entry.last_sequence()) << "producer " << id;
    }
    EXPECT_EQ(loaded->last_timestamp_ms, entry.last_timestamp_ms) << "producer " << id;
    if (loaded->txn_first_offset < 0 || loaded->txn_first_offset >= first) {
      EXPECT_EQ(loaded->txn_first_offset, entry.txn_first_offset) << "producer " << id;
    }
  }
  for (const auto& [id, entry] : log.producers().producers()) {
    if (scanned->producers().find(id) != nullptr) continue;
    EXPECT_LT(entry.batch_count == 0 ? -1 : entry.last_batch()->last_offset, first) << "producer " << id;
  }
  for (int64_t from = log.log_start_offset(); from < log.log_end_offset(); from += 3) {
    auto loaded = *log.aborted_transactions(from, log.log_end_offset());
    auto expected = *scanned->aborted_transactions(from, log.log_end_offset());
    // The scan does not see where transactions began that began below the first segment.
    const std::vector<AbortedTransaction> all = loaded;
    for (const AbortedTransaction& txn : all) {
      if (txn.first_offset >= first) continue;
      const auto same = [&](const AbortedTransaction& other) { return other.producer_id == txn.producer_id; };
      loaded.erase(std::remove_if(loaded.begin(), loaded.end(), same), loaded.end());
      expected.erase(std::remove_if(expected.begin(), expected.end(), same), expected.end());
    }
    EXPECT_EQ(loaded, expected) << "from " << from;
  }
  for (int64_t timestamp = 990; timestamp < 1520; timestamp += 13) {
    const auto a = log.offset_for_timestamp(timestamp);
    const auto b = scanned->offset_for_timestamp(timestamp);
    ASSERT_TRUE(a.ok() && b.ok());
    ASSERT_EQ(a->has_value(), b->has_value()) << timestamp;
    if (*a) {
      EXPECT_EQ((*a)->offset, (*b)->offset) << timestamp;
    }
  }
}

// Each producer's last five batches are still known as duplicates (rules A35, D15).
void check_duplicates(Log& log) {
  std::map<int64_t, std::vector<ByteBuffer>> last;
  for (auto& [base, bytes] : batches_of(log)) {
    const BatchView batch(bytes);
    if (batch.has_producer_id() && !batch.is_control()) last[batch.producer_id()].push_back(bytes);
  }
  const int64_t end = log.log_end_offset();
  for (auto& [id, batches] : last) {
    if (log.producers().find(id)->epoch != BatchView(batches.back()).producer_epoch()) continue;
    for (size_t k = batches.size() > 5 ? batches.size() - 5 : 0; k < batches.size(); ++k) {
      const int64_t base = BatchView(batches[k]).base_offset();
      const int32_t epoch = std::max(log.latest_epoch().value_or(0), 0);
      const auto again = log.append_as_leader(batches[k], epoch);
      ASSERT_TRUE(again.ok()) << to_string(again.error());
      EXPECT_TRUE(again->duplicate) << "producer " << id << " batch at " << base;
      EXPECT_EQ(again->first_offset, base);
    }
  }
  EXPECT_EQ(log.log_end_offset(), end);
}

struct CrashRun {
  uint64_t world_seed = 1;
  uint64_t workload_seed = 1;
  int operations = 40;
  uint64_t crash_at = 0;      // 0: none, the storage is closed in order
  uint64_t second_crash = 0;  // during the recovery from the first, or in the life after it
  int more_operations = 0;    // of that life
  bool process_only = false;
  bool compacted = false;
  bool deep_truncation = false;  // instead of the drawn operations
  bool instant_disk = false;
};

// The machine of a run, through two or three lives of its storage.
class Machine {
 public:
  explicit Machine(const CrashRun& run) : run_(run), world_(run.world_seed), node_(add_node()) {
    model_.process_only = run.process_only;
  }

  // Each returns how many disk operations it made.
  uint64_t first_life() {
    const uint64_t operations = live(run_.crash_at, [&](Env&, CrashingStorage& storage) {
      work(storage, run_.workload_seed, run_.operations);
      storage.stop();
    });
    if (run_.crash_at == 0) {
      EXPECT_EQ(world_.failures().size(), 0U);
    }
    return operations;
  }
  uint64_t second_life() {
    return live(run_.second_crash, [&](Env&, CrashingStorage& storage) {
      if (run_.more_operations == 0) {
        storage.manager->stop();
        storage.dirs.release();
        return;
      }
      check_content(*storage.log, model_);
      model_.courses = {Course{storage.log->log_end_offset(), batches_of(*storage.log)}};
      model_.settled = 0;
      model_.acked_end = storage.log->log_end_offset();
      work(storage, run_.workload_seed + 1, run_.more_operations);
      storage.stop();
    });
  }
  uint64_t last_life() {
    bool ended = false;
    const uint64_t operations = live(0, [&](Env& env, CrashingStorage& storage) {
      check_content(*storage.log, model_);
      check_state(env, *storage.log);
      check_duplicates(*storage.log);
      storage.stop();
      ended = true;
    });
    EXPECT_TRUE(ended);
    for (const std::string& failure : world_.failures()) ADD_FAILURE() << failure;
    return operations;
  }

 private:
  sim::SimNode& add_node() {
    sim::NodeSetup setup;
    setup.name = "node";
    if (run_.instant_disk) setup.disk = sim::DiskProfile::instant();
    return world_.world().add_node(setup);
  }
  void crash() {
    if (workload_ != nullptr) workload_->note();
    if (run_.process_only) {
      node_.crash();
    } else {
      node_.power_loss();
    }
  }
  uint64_t live(uint64_t crash_at, const std::function<void(Env&, CrashingStorage&)>& body) {
    uint64_t operations = 0;
    world_.run("node", [&](Env& env) {
      CrashDisk disk(env.disk, crash_at, [this] { crash(); });
      struct Count {
        CrashDisk& disk;
        uint64_t& operations;
        ~Count() { operations = disk.operations(); }
      } count{disk, operations};
      Env own{env.clock,  env.scheduler, env.group,  disk,     env.network,
              env.random, env.mailboxes, env.events, env.hooks};
      // The fibers of the storage outlive a failed expectation but not this frame.
      CrashingStorage storage(own, run_.compacted);
      ASSERT_TRUE(storage.start());
      body(env, storage);
    });
    return operations;
  }
  void work(CrashingStorage& storage, uint64_t seed, int operations) {
    Workload workload(storage, model_, seed);
    struct Unset {
      Workload*& workload;
      ~Unset() { workload = nullptr; }
    } unset{workload_};
    workload_ = &workload;
    if (run_.deep_truncation) {
      workload.run_deep_truncation();
    } else {
      workload.run(operations);
    }
  }

  const CrashRun& run_;
  sim::TestWorld world_;
  sim::SimNode& node_;
  Model model_;
  Workload* workload_ = nullptr;
};

// Returns how many operations the first life made, and how many the next.
std::pair<uint64_t, uint64_t> crash_and_recover(const CrashRun& run) {
  SCOPED_TRACE("world " + std::to_string(run.world_seed) + " workload " + std::to_string(run.workload_seed) +
               " crash at " + std::to_string(run.crash_at) + " then " + std::to_string(run.second_crash) +
               " more " + std::to_string(run.more_operations) + (run.process_only ? " process" : " power") +
               (run.compacted ? " compacted" : ""));
  Machine machine(run);
  const uint64_t first = machine.first_life();
  const bool three = run.second_crash != 0 || run.more_operations != 0;
  const uint64_t second = three ? machine.second_life() : 0;
  const uint64_t last = machine.last_life();
  return {first, three ? second : last};
}

TEST(LogCrash, ClosedInOrder) {
  for (uint64_t seed = 1; seed <= repetitions(60); ++seed) {
    crash_and_recover(
        {.world_seed = seed, .workload_seed = seed, .operations = 80, .compacted = seed % 3 == 0});
    if (testing::Test::HasFailure()) return;
  }
}

// The count of operations.
uint64_t crash_after_every_operation(CrashRun run, uint64_t worlds) {
  const uint64_t total = crash_and_recover(run).first;
  for (run.crash_at = 1; run.crash_at <= total; ++run.crash_at) {
    for (run.world_seed = 1; run.world_seed <= worlds; ++run.world_seed) {
      crash_and_recover(run);
      if (testing::Test::HasFailure()) return total;
    }
  }
  return total;
}

TEST(LogCrash, PowerLossAfterEveryOperation) {
  for (uint64_t workload = 1; workload <= repetitions(3); ++workload) {
    const CrashRun run{.workload_seed = workload,
                       .operations = 45,
                       .compacted = workload == 3,
                       .instant_disk = workload == 2};
    EXPECT_GT(crash_after_every_operation(run, repetitions(5)), 60U);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(LogCrash, PowerLossWhileFlushedSegmentsAreCutOffAndReplaced) {
  for (uint64_t workload = 1; workload <= repetitions(4); ++workload) {
    crash_after_every_operation(
        {.workload_seed = workload, .compacted = workload % 2 == 0, .deep_truncation = true}, repetitions(3));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(LogCrash, ProcessCrashAfterEveryOperation) {
  crash_after_every_operation({.workload_seed = 4, .operations = 45, .process_only = true}, 1);
}

TEST(LogCrash, PowerLossDuringRecovery) {
  for (uint64_t seed = 1; seed <= repetitions(40); ++seed) {
    CrashRun run{.world_seed = seed, .workload_seed = seed, .operations = 60, .compacted = seed % 2 == 0};
    run.crash_at = crash_and_recover(run).first * (1 + seed % 7) / 8;
    const uint64_t recovery = crash_and_recover(run).second;
    for (run.second_crash = 1; run.second_crash <= recovery; run.second_crash += 3) {
      crash_and_recover(run);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(LogCrash, PowerLossInTheLifeAfterARecovery) {
  for (uint64_t seed = 1; seed <= repetitions(24); ++seed) {
    CrashRun run{.world_seed = seed, .workload_seed = seed, .operations = 40, .compacted = seed % 4 == 0};
    run.crash_at = crash_and_recover(run).first * (1 + seed % 7) / 8;
    run.more_operations = 25;
    const uint64_t total = crash_and_recover(run).second;
    for (run.second_crash = 1 + seed % 3; run.second_crash <= total; run.second_crash += 3) {
      crash_and_recover(run);
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace ksim::storage
