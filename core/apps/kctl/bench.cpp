// kctl bench.

#include <CLI/CLI.hpp>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/latency.h"
#include "core/apps/kctl/place.h"
#include "core/io/scope.h"

namespace ksim::kctl {
namespace {

using client::Consumer;
using client::ConsumerConfig;
using client::Outcome;
using client::Producer;
using client::ProducerConfig;
using client::SendResult;

struct BenchOptions {
  std::string topic;
  int64_t records = 0;  // 0: the command's own default
  int64_t size = 100;
  std::optional<int64_t> throughput;
  std::string acks = "all";
  std::string compression = "none";
  std::optional<int64_t> batch_size;
  std::optional<int64_t> linger_ms;
  bool in_turn = false;  // else where the partitioner puts them
  std::string from = "beginning";
};

// Random letters, from which records of any size are cut: a codec finds something to do, but not all.
class Payload {
 public:
  Payload(Random& random, int64_t size_bytes) : size_(static_cast<size_t>(size_bytes)) {
    Dice dice(random, Stream::workload, 0);
    letters_.resize(size_ + kStarts);
    for (char& letter : letters_) letter = static_cast<char>('a' + dice.below(26));
  }
  std::string_view at(int64_t number) const {
    return std::string_view(letters_).substr(static_cast<size_t>(number * 7919) % kStarts, size_);
  }

 private:
  static constexpr size_t kStarts = 65'536;
  size_t size_;
  std::string letters_;
};

// What a run counts, and how it shows it.
class Tally {
 public:
  Tally(Session& session, std::string_view done)
      : session_(session), done_(done), started_(session.env.now()) {}

  void add(int64_t bytes) {
    ++records_;
    bytes_ += bytes;
    last_ = session_.env.now();
  }
  Latencies& latencies() { return latencies_; }
  int64_t records() const { return records_; }

  // On its own fiber: a line that is written over each second, on terminals.
  void show_progress() {
    if (::isatty(STDERR_FILENO) != 1) return;
    int64_t before = 0;
    for (;;) {
      session_.env.sleep(seconds(1));
      fmt::print(stderr, "\r{} records, {} in the last second, p99 {:.2f} ms\x1b[K", records_,
                 records_ - before, static_cast<double>(latencies_.quantile_us(990)) / 1000);
      std::fflush(stderr);
      before = records_;
    }
  }
  void end_progress() const {
    if (::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\x1b[K");
  }

  void report(std::string_view latency_of) const {
    const double elapsed = std::max(static_cast<double>((last_ - started_).ns) / 1e9, 1e-9);
    const double rate = static_cast<double>(records_) / elapsed;
    const double megabytes = static_cast<double>(bytes_) / elapsed / 1e6;
    if (session_.output.json()) {
      session_.output.document({{"records", records_},
                                {"bytes", bytes_},
                                {"seconds", elapsed},
                                {"records_per_second", rate},
                                {"megabytes_per_second", megabytes},
                                {"latency_ms", latencies_.json()}});
      return;
    }
    const auto ms = [](int64_t us) { return static_cast<double>(us) / 1000; };
    session_.output.line(fmt::format("{} records {} in {:.2f} s: {:.0f} records/s, {:.2f} MB/s", records_,
                                     done_, elapsed, rate, megabytes));
    session_.output.line(fmt::format("{}: mean {:.2f} ms, p50 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, max {:.2f}",
                                     latency_of, ms(latencies_.mean_us()), ms(latencies_.quantile_us(500)),
                                     ms(latencies_.quantile_us(990)), ms(latencies_.quantile_us(999)),
                                     ms(latencies_.max_us())));
  }

 private:
  Session& session_;
  std::string_view done_;
  Instant started_;
  Instant last_ = started_;
  int64_t records_ = 0;
  int64_t bytes_ = 0;
  Latencies latencies_;
};

ProducerConfig producer_config(const Session& session, const BenchOptions& options) {
  ProducerConfig config;
  config.acks =
      options.acks == "all" ? ProducerConfig::kAcksAll : static_cast<int16_t>(options.acks[0] - '0');
  config.enable_idempotence = config.acks == ProducerConfig::kAcksAll;
  config.compression_type = *compression_of(options.compression);
  config.batch_size = options.batch_size.value_or(config.batch_size);
  config.linger_ms = options.linger_ms.value_or(config.linger_ms);
  return session.settings.producer(config);
}

// Waits until record `number` is due. False: a signal came.
bool await_turn(Session& session, const BenchOptions& options, Instant started, int64_t number) {
  if (options.throughput) {
    const auto due = started + nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(number) /
                                                                static_cast<double>(*options.throughput)));
    if (session.env.now() < due) return session.sleep_until(due);
  }
  if (number % 64 == 0) session.env.scheduler.yield();  // the producer's own fiber must have its turn
  return !session.stopping();
}

Result<std::vector<TopicPartition>> partitions_of(Session& session, const std::string& topic) {
  TRY_ASSIGN(const AdminClient admin, AdminClient::connect(session));
  return find_partitions(*admin, {topic}, {}, session.deadline());
}

int bench_produce(Session& session, const BenchOptions& options) {
  const ProducerConfig config = producer_config(session, options);
  if (const auto valid = config.validate(); !valid.ok()) return session.bad_input(valid.error().message);
  const auto there = partitions_of(session, options.topic);
  if (!there.ok()) return session.failed("bench", there.error());
  session.stop_in_order();
  const auto producer = Producer::create(session.env, config);
  if (!producer.ok()) return session.bad_input(producer.error().message);
  const Payload payload(session.env.random, options.size);
  Tally tally(session, "written");
  std::optional<SendResult> failure;
  int64_t failures = 0;
  const Instant started = session.env.now();
  run_scoped(session.env, [&](Scope& scope) {
    scope.spawn("progress", [&] { tally.show_progress(); });
    const int64_t records = options.records > 0 ? options.records : 100'000;
    for (int64_t number = 0; number < records && failures == 0; ++number) {
      if (!await_turn(session, options, started, number)) break;
      client::ProducerRecord record;
      record.topic = options.topic;
      record.value = as_bytes(payload.at(number));
      if (options.in_turn)
        record.partition = static_cast<int32_t>(number % static_cast<int64_t>(there->size()));
      const Instant sent = session.env.now();
      (*producer)->send(record, [&, sent](const SendResult& result) {
        if (result.outcome == Outcome::written) {
          tally.add(options.size);
          tally.latencies().record(session.env.now() - sent);
        } else if (failures++ == 0) {
          failure = result;
        }
      });
    }
    (*producer)->close(session.env.after(milliseconds(config.delivery_timeout_ms)));
  });
  tally.end_progress();
  tally.report("latency until acknowledged");
  if (failure)
    return session.failed(fmt::format("{} records were not acknowledged", failures),
                          Error(failure->error, failure->message));
  return session.stopping() ? kInterrupted : kDone;
}

ConsumerConfig consumer_config(const Session& session) {
  ConsumerConfig config;
  config.auto_offset_reset = client::AutoOffsetReset::none;
  config.allow_auto_create_topics = false;
  return session.settings.consumer(config);
}

struct Range {
  std::map<TopicPartition, int64_t> begin;
  std::map<TopicPartition, int64_t> end;
};

Result<Range> range_of(Session& session, const std::string& topic, const Place& from) {
  constexpr auto kIsolation = client::IsolationLevel::read_uncommitted;
  TRY_ASSIGN(const AdminClient admin, AdminClient::connect(session));
  TRY_ASSIGN(const auto partitions, find_partitions(*admin, {topic}, {}, session.deadline()));
  Range range;
  TRY_ASSIGN(range.begin, offsets_of(*admin, from, partitions, kIsolation, session.deadline()));
  TRY_ASSIGN(range.end,
             offsets_of(*admin, {Place::Kind::end, 0}, partitions, kIsolation, session.deadline()));
  return range;
}

void begin_at(Consumer& consumer, const std::map<TopicPartition, int64_t>& offsets) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : offsets) partitions.push_back(partition);
  consumer.assign(partitions);
  for (const auto& [partition, offset] : offsets)
    ENSURE(consumer.seek(partition, offset).ok(), "a partition that was assigned");
}

bool has_reached(const Consumer& consumer, const std::map<TopicPartition, int64_t>& offsets) {
  for (const auto& [partition, offset] : offsets) {
    const auto* const state = consumer.state(partition);
    if (state == nullptr || !state->position() || state->position()->offset < offset) return false;
  }
  return true;
}

int bench_consume(Session& session, const BenchOptions& options) {
  const auto from = Place::parse(options.from, session.env.clock.wall());
  if (!from.ok()) return session.bad_input("--from " + from.error().message);
  const auto range = range_of(session, options.topic, *from);
  if (!range.ok()) return session.failed("bench", range.error());
  const auto consumer = Consumer::create(session.env, consumer_config(session));
  if (!consumer.ok()) return session.bad_input(consumer.error().message);
  session.stop_in_order();
  session.on_stop([&] { (*consumer)->wakeup(); });
  Tally tally(session, "read");
  std::optional<client::ConsumerError> failure;
  run_scoped(session.env, [&](Scope& scope) {
    scope.spawn("progress", [&] { tally.show_progress(); });
    begin_at(**consumer, range->begin);
    const bool until_end = options.records == 0;
    while (!session.stopping() &&
           (until_end ? !has_reached(**consumer, range->end) : tally.records() < options.records)) {
      const Instant asked = session.env.now();
      const auto records = (*consumer)->poll(seconds(1));
      if (!records.ok()) {
        if (records.error().fault == client::ConsumerFault::wakeup) continue;
        failure = records.error();
        break;
      }
      for (const client::ConsumerRecord& record : *records)
        tally.add(static_cast<int64_t>((record.key ? record.key->size() : 0) +
                                       (record.value ? record.value->size() : 0)));
      if (!records->empty()) tally.latencies().record(session.env.now() - asked);
    }
  });
  (*consumer)->close();
  tally.end_progress();
  tally.report("wait of a poll");
  if (failure) return session.failed(*failure);
  return session.stopping() ? kInterrupted : kDone;
}

// Each record begins with the run's own mark and its number; the reader knows from that when it was sent.
class EndToEnd {
 public:
  EndToEnd(Session& session, const BenchOptions& options, Producer& producer, Consumer& consumer)
      : session_(session),
        options_(options),
        producer_(producer),
        consumer_(consumer),
        payload_(session.env.random, options.size),
        mark_(fmt::format("{:016x}", Dice(session.env.random, Stream::workload, 1).next())),
        tally(session, "went through"),
        received_(session.env.scheduler) {}

  void run() {
    run_scoped(session_.env, [&](Scope& scope) {
      scope.spawn("progress", [this] { tally.show_progress(); });
      scope.spawn("reader", [this] { read(); });
      write();
      while (tally.records() < static_cast<int64_t>(sent_.size()) && !failure &&
             session_.env.now() < give_up_)
        static_cast<void>(received_.wait(give_up_, "the last records"));
      if (!failure && tally.records() < static_cast<int64_t>(sent_.size()))
        failure = Error(ErrorCode::REQUEST_TIMED_OUT,
                        fmt::format("{} of {} records did not come back",
                                    static_cast<int64_t>(sent_.size()) - tally.records(), sent_.size()));
    });
  }

  std::optional<Error> failure;

 private:
  void write();
  void read();

  Session& session_;
  const BenchOptions& options_;
  Producer& producer_;
  Consumer& consumer_;
  Payload payload_;
  std::string mark_;
  std::vector<Instant> sent_;
  Instant give_up_;

 public:
  Tally tally;

 private:
  Condition received_;
};

void EndToEnd::write() {
  const Instant started = session_.env.now();
  const int64_t records = options_.records > 0 ? options_.records : 1'000;
  for (int64_t number = 0; number < records && !failure; ++number) {
    if (!await_turn(session_, options_, started, number)) break;
    std::string value = fmt::format("{}{:016x}", mark_, number);
    value += payload_.at(number).substr(
        0, payload_.at(number).size() - std::min<size_t>(32, payload_.at(number).size()));
    client::ProducerRecord record;
    record.topic = options_.topic;
    record.value = as_bytes(value);
    sent_.push_back(session_.env.now());
    give_up_ = session_.deadline();
    producer_.send(record, [this](const SendResult& result) {
      if (result.outcome != Outcome::written && !failure) failure = Error(result.error, result.message);
      received_.notify_all();
    });
    // Without a rate, one at a time.
    while (!options_.throughput && tally.records() <= number && !failure && session_.env.now() < give_up_)
      static_cast<void>(received_.wait(give_up_, "the record to come back"));
    if (session_.env.now() >= give_up_) break;
  }
}

void EndToEnd::read() {
  for (;;) {
    const auto records = consumer_.poll(seconds(1));
    if (!records.ok()) {
      failure = Error(ErrorCode::UNKNOWN_SERVER_ERROR, records.error().message);
      received_.notify_all();
      return;
    }
    for (const client::ConsumerRecord& record : *records) {
      const std::string_view value = as_text(record.value.value_or(Bytes{}));
      if (value.substr(0, mark_.size()) != mark_) continue;
      const size_t number = std::strtoull(std::string(value.substr(mark_.size(), 16)).c_str(), nullptr, 16);
      if (number >= sent_.size()) continue;
      tally.add(static_cast<int64_t>(value.size()));
      tally.latencies().record(session_.env.now() - sent_[number]);
    }
    received_.notify_all();
  }
}

int bench_e2e(Session& session, const BenchOptions& options) {
  const ProducerConfig config = producer_config(session, options);
  if (const auto valid = config.validate(); !valid.ok()) return session.bad_input(valid.error().message);
  const auto range = range_of(session, options.topic, {Place::Kind::end, 0});
  if (!range.ok()) return session.failed("bench", range.error());
  const auto producer = Producer::create(session.env, config);
  if (!producer.ok()) return session.bad_input(producer.error().message);
  const auto consumer = Consumer::create(session.env, consumer_config(session));
  ENSURE(consumer.ok(), "settings that were checked");
  session.stop_in_order();
  begin_at(**consumer, range->end);
  EndToEnd bench(session, options, **producer, **consumer);
  bench.run();
  (*producer)->close(session.deadline());
  (*consumer)->close();
  bench.tally.end_progress();
  bench.tally.report("latency from send to poll");
  if (bench.failure) return session.failed("bench", *bench.failure);
  return session.stopping() ? kInterrupted : kDone;
}

void add_producer_options(CLI::App& command, BenchOptions& options) {
  command.add_option("-s,--size", options.size, "bytes of a value (100)")
      ->type_name("BYTES")
      ->check(CLI::Range(0, 1 << 30));
  command.add_option("--throughput", options.throughput, "at most so many records a second")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.add_option("--acks", options.acks, "all, 1 or 0 (all)")
      ->check(CLI::IsMember({"all", "1", "0"}))
      ->type_name("N");
  command.add_option("-z,--compression", options.compression, "none, gzip, snappy, lz4, zstd (none)")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->type_name("CODEC");
  command.add_option("--batch-size", options.batch_size, "batch.size (16384)")
      ->type_name("BYTES")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--linger", options.linger_ms, "linger.ms (5)")
      ->type_name("MS")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void add_bench_commands(CLI::App& kctl, Invocation& invocation) {
  CLI::App& bench = add_group(kctl, "bench", "how fast a cluster is");
  const auto add = [&](const char* name, const char* about, const char* examples, const char* records) {
    const auto options = std::make_shared<BenchOptions>();
    CLI::App& command = add_command(bench, name, about, examples);
    command.add_option("topic", options->topic, "must be there; records are added to it")
        ->required()
        ->type_name("TOPIC");
    command.add_option("-n,--records", options->records, records)->type_name("N")->check(CLI::PositiveNumber);
    return std::pair<CLI::App&, std::shared_ptr<BenchOptions>>(command, options);
  };
  {
    const auto [command, options] = add("produce", "write as fast as it goes, or at a rate",
                                        "  kctl bench produce orders --records 1000000 --size 100\n"
                                        "  kctl bench produce orders --acks 1 --compression lz4 --linger 20\n"
                                        "  kctl bench produce orders --throughput 5000",
                                        "how many (100000)");
    add_producer_options(command, *options);
    command.add_flag(
        "--in-turn", options->in_turn,
        "each record to the next partition, as keys would spread them; otherwise a batch to each");
    runs(command, invocation, options, bench_produce);
  }
  {
    const auto [command, options] = add("consume", "read as fast as it goes", "  kctl bench consume orders",
                                        "how many; waits for them (all that are there now)");
    command.add_option("--from", options->from, std::string("where to begin (beginning): ") + kPlaceHelp)
        ->type_name("WHERE");
    runs(command, invocation, options, bench_consume);
  }
  {
    const auto [command, options] = add("e2e", "how long a record takes from send to poll",
                                        "  kctl bench e2e orders                      one record at a time\n"
                                        "  kctl bench e2e orders --throughput 1000 --records 60000",
                                        "how many (1000)");
    add_producer_options(command, *options);
    command.get_option("--linger")->description("linger.ms (0)");
    options->linger_ms = 0;
    runs(command, invocation, options, bench_e2e);
  }
}

}  // namespace ksim::kctl
