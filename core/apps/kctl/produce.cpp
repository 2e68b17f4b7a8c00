// kctl produce.

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/format.h"
#include "core/apps/kctl/input.h"
#include "core/apps/kctl/place.h"
#include "core/apps/kctl/record_json.h"
#include "core/apps/kctl/text/time_text.h"
#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

using client::Outcome;
using client::Producer;
using client::ProducerConfig;
using client::SendResult;

struct ProduceOptions {
  std::string topic;
  std::string file = "-";
  std::string format = "lines";
  std::string delimiter = "\\n";
  std::optional<std::string> key_separator;
  std::optional<std::string> fixed_key;
  std::optional<std::string> null_text;
  std::vector<std::string> headers;
  std::optional<int32_t> partition;
  std::optional<std::string> timestamp;
  std::string acks = "all";
  std::string compression = "none";
  std::optional<bool> idempotence;
  bool keep_partitions = false;
  bool report = false;
  bool quiet = false;
};

// What the options come to.
struct ProduceRecipe {
  std::string delimiter;
  std::optional<std::string> key_separator;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<int64_t> timestamp_ms;
};

Result<ProduceRecipe> prepare(const ProduceOptions& options) {
  ProduceRecipe recipe;
  TRY_ASSIGN(recipe.delimiter, unescape(options.delimiter));
  if (recipe.delimiter.empty()) return fail(ErrorCode::INVALID_REQUEST, "--delimiter is empty");
  if (options.key_separator) {
    TRY_ASSIGN(recipe.key_separator, unescape(*options.key_separator));
    if (recipe.key_separator->empty()) return fail(ErrorCode::INVALID_REQUEST, "--key-separator is empty");
  }
  TRY_ASSIGN(recipe.headers, parse_assignments(options.headers));
  if (options.timestamp) {
    const std::string_view text = *options.timestamp;
    const auto ms = text.substr(0, 1) == "@" ? storage::parse_number<int64_t>(text.substr(1)) : std::nullopt;
    if (ms) {
      recipe.timestamp_ms = *ms;
    } else {
      TRY_ASSIGN(recipe.timestamp_ms, parse_time(text));
    }
  }
  return recipe;
}

ProducerConfig preset_of(const ProduceOptions& options) {
  ProducerConfig config;
  config.acks =
      options.acks == "all" ? ProducerConfig::kAcksAll : static_cast<int16_t>(options.acks[0] - '0');
  config.enable_idempotence = options.idempotence.value_or(config.acks == ProducerConfig::kAcksAll);
  config.compression_type = *compression_of(options.compression);
  return config;
}

// One run of the command.
class Production {
 public:
  Production(Session& session, const ProduceOptions& options, const ProduceRecipe& recipe, Producer& producer)
      : session_(session), options_(options), recipe_(recipe), producer_(producer) {}

  // Until the end of the input, a signal or the first failure. What the input lacks is INVALID_REQUEST.
  Result<void> run(Lines& lines);
  int report(const Result<void>& input) const;

 private:
  Result<OwnedRecord> record_of(std::string line) const;
  void send(OwnedRecord record);
  void take(const SendResult& result);
  bool hopeless() const { return not_written_ + unknown_ > 0; }

  Session& session_;
  const ProduceOptions& options_;
  const ProduceRecipe& recipe_;
  Producer& producer_;
  int64_t written_ = 0;
  int64_t not_written_ = 0;
  int64_t unknown_ = 0;
  std::optional<SendResult> first_failure_;
};

Result<OwnedRecord> Production::record_of(std::string line) const {
  OwnedRecord record;
  if (options_.format == "json") {
    TRY_ASSIGN(record, parse_record_json(line));
    if (!options_.keep_partitions) record.partition.reset();
  } else if (recipe_.key_separator) {
    const size_t at = line.find(*recipe_.key_separator);
    if (at == std::string::npos)
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("there is no '{}' in it", *options_.key_separator));
    record.key = line.substr(0, at);
    record.value = line.substr(at + recipe_.key_separator->size());
  } else {
    record.value = std::move(line);
  }
  if (options_.format != "json" && options_.null_text) {
    if (record.key == options_.null_text) record.key.reset();
    if (record.value == options_.null_text) record.value.reset();
  }
  if (options_.fixed_key) record.key = options_.fixed_key;
  if (options_.partition) record.partition = options_.partition;
  if (recipe_.timestamp_ms) record.timestamp_ms = recipe_.timestamp_ms;
  for (const auto& [key, value] : recipe_.headers) record.headers.emplace_back(key, value);
  return record;
}

void Production::send(OwnedRecord record) {
  client::ProducerRecord out;
  out.topic = options_.topic;
  out.partition = record.partition;
  out.timestamp_ms = record.timestamp_ms;
  if (record.key) out.key = as_bytes(*record.key);
  if (record.value) out.value = as_bytes(*record.value);
  std::vector<RecordHeader> headers;
  for (const auto& [key, value] : record.headers)
    headers.push_back({key, value ? std::optional(as_bytes(*value)) : std::nullopt});
  out.headers = headers;
  producer_.send(out, [this](const SendResult& result) { take(result); });
}

void Production::take(const SendResult& result) {
  if (result.outcome == Outcome::written) {
    ++written_;
    if (!options_.report) return;
    if (session_.output.json()) {
      session_.output.document({{"topic", options_.topic},
                                {"partition", result.partition},
                                {"offset", result.offset},
                                {"timestamp", result.timestamp_ms}});
    } else {
      session_.output.line(fmt::format("{}-{} {}", options_.topic, result.partition, result.offset));
    }
    return;
  }
  ++(result.outcome == Outcome::unknown ? unknown_ : not_written_);
  if (!first_failure_) first_failure_ = result;
}

Result<void> Production::run(Lines& lines) {
  if (options_.format == "raw") {
    TRY_ASSIGN(std::string all, lines.rest());
    TRY_ASSIGN(OwnedRecord record, record_of(std::move(all)));
    send(std::move(record));
    return {};
  }
  for (int64_t number = 1; !session_.stopping() && !hopeless(); ++number) {
    TRY_ASSIGN(auto line, lines.next());
    if (!line) break;
    auto record = record_of(std::move(*line));
    if (!record.ok())
      return fail(ErrorCode::INVALID_REQUEST, fmt::format("line {}: {}", number, record.error().message));
    send(std::move(*record));
  }
  return {};
}

int Production::report(const Result<void>& input) const {
  if (session_.output.json() && !options_.report)
    session_.output.document({{"topic", options_.topic},
                              {"written", written_},
                              {"not_written", not_written_},
                              {"unknown", unknown_}});
  if (first_failure_) {
    session_.failed("producing to " + options_.topic, Error(first_failure_->error, first_failure_->message));
    return session_.failed(fmt::format("{} written, {} not, of {} nobody knows; what follows was not sent",
                                       counted(written_, "record"), not_written_, unknown_));
  }
  if (!input.ok()) {
    session_.failed(
        fmt::format("{}; written before it: {}", input.error().message, counted(written_, "record")));
    return kBadInput;
  }
  if (!session_.output.json() && !options_.report && !options_.quiet)
    session_.output.line(fmt::format("{} written to {}", counted(written_, "record"), options_.topic));
  return kDone;
}

// A partition that is not there would only be waited for.
Result<void> check_partition(Session& session, const ProduceOptions& options) {
  if (!options.partition) {
    TRY(reach_cluster(session));
    return {};
  }
  TRY_ASSIGN(const AdminClient admin, AdminClient::connect(session));
  TRY(find_partitions(*admin, {options.topic}, {*options.partition}, session.deadline()));
  return {};
}

int produce(Session& session, const ProduceOptions& options) {
  const auto recipe = prepare(options);
  if (!recipe.ok()) return session.bad_input(recipe.error().message);
  const ProducerConfig config = session.settings.producer(preset_of(options));
  if (const auto valid = config.validate(); !valid.ok()) return session.bad_input(valid.error().message);
  auto input = Input::open(session, options.file);
  if (!input.ok()) return session.bad_input(input.error().message);
  if (const auto there = check_partition(session, options); !there.ok())
    return session.failed(there.error().message);
  session.stop_in_order();
  session.on_stop([&] { (*input)->stop(); });
  const auto producer = Producer::create(session.env, config);
  if (!producer.ok()) return session.bad_input(producer.error().message);
  Lines lines(**input, recipe->delimiter);
  Production production(session, options, *recipe, **producer);
  const Result<void> done = production.run(lines);
  (*producer)->close(session.env.after(milliseconds(config.delivery_timeout_ms)));
  return production.report(done);
}

constexpr const char* kProduceExamples =
    "  echo hello | kctl produce greetings\n"
    "  kctl produce users users.txt --key-separator : --compression zstd\n"
    "  printf 'k1:\\n' | kctl produce users --key-separator : --null ''     a tombstone\n"
    "  kctl produce images photo.png --format raw --key photo.png -H type=image/png\n"
    "  kctl consume orders --until end --json | kctl produce copy --format json";

void add_options(CLI::App& command, ProduceOptions& options) {
  command.add_option("topic", options.topic, "where to")->required()->type_name("TOPIC");
  command.add_option("file", options.file, "stdin if none is given")->type_name("FILE");
  command
      .add_option("--format", options.format,
                  "lines: a record each; json: a line each as 'consume --json' writes them; raw: all of the "
                  "input is one record (lines)")
      ->check(CLI::IsMember({"lines", "json", "raw"}))
      ->type_name("WHAT");
  command.add_option("--delimiter", options.delimiter, "what ends a line (\\n)")->type_name("TEXT");
  auto* separator =
      command
          .add_option("-K,--key-separator", options.key_separator, "lines are a key, this text, and a value")
          ->type_name("TEXT");
  command.add_option("-k,--key", options.fixed_key, "of every record")
      ->type_name("TEXT")
      ->excludes(separator);
  command.add_option("--null", options.null_text, "a key or value that is this text is null")
      ->type_name("TEXT");
  command.add_option("-H,--header", options.headers, "of every record; may come more than once")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("-p,--partition", options.partition, "instead of one by key, or in turn")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--keep-partitions", options.keep_partitions,
                   "with --format json: the partition it names");
  command.add_option("--timestamp", options.timestamp, "of every record: a time (UTC), or @MILLISECONDS")
      ->type_name("TIME");
  command.add_option("--acks", options.acks, "all, 1 or 0 (all)")
      ->check(CLI::IsMember({"all", "1", "0"}))
      ->type_name("N");
  command.add_option("-z,--compression", options.compression, "none, gzip, snappy, lz4, zstd (none)")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->type_name("CODEC");
  command.add_flag_function(
      "--idempotence,!--no-idempotence", [&options](int64_t on) { options.idempotence = on > 0; },
      "on if --acks is all");
  command.add_flag("--report", options.report, "where each record went, once it is acknowledged");
  command.add_flag("-q,--quiet", options.quiet, "no word of success");
}

}  // namespace

void add_produce_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command = add_command(kctl, "produce", "write records to a topic", kProduceExamples);
  const auto options = std::make_shared<ProduceOptions>();
  add_options(command, *options);
  runs(command, invocation, options, produce);
}

}  // namespace ksim::kctl
