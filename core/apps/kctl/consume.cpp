// kctl consume.

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/format.h"
#include "core/apps/kctl/place.h"
#include "core/apps/kctl/record_json.h"

namespace ksim::kctl {
namespace {

using client::Consumer;
using client::ConsumerConfig;
using client::ConsumerRecord;
using client::IsolationLevel;
using Offsets = std::map<TopicPartition, int64_t>;

struct ConsumeOptions {
  std::string topic;
  std::vector<int32_t> partitions;
  std::string from = "beginning";
  std::optional<std::string> until;
  std::optional<int64_t> count;
  std::optional<std::string> format;
  std::optional<std::string> key_separator;
  std::string null_text;
  std::string isolation = "read_uncommitted";
};

// What the options come to.
struct ConsumeRecipe {
  Place from;
  std::optional<Place> until;
  RecordFormat format;
};

Result<ConsumeRecipe> prepare(const ConsumeOptions& options, WallTime now) {
  const auto within = [](std::string_view option, auto result) -> decltype(result) {
    if (result.ok()) return result;
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("{} {}", option, result.error().message));
  };
  ConsumeRecipe recipe;
  TRY_ASSIGN(recipe.from, within("--from", Place::parse(options.from, now)));
  if (options.until) {
    TRY_ASSIGN(recipe.until, within("--until", Place::parse(*options.until, now)));
  }
  std::string format = "%s\\n";
  if (options.key_separator) format = "%k" + *options.key_separator + "%s\\n";
  TRY_ASSIGN(recipe.format, RecordFormat::parse(options.format.value_or(format), options.null_text));
  return recipe;
}

// Reads until everything that was asked for is there.
class Consumption {
 public:
  Consumption(Session& session, const ConsumeOptions& options, const ConsumeRecipe& recipe,
              Consumer& consumer)
      : session_(session), options_(options), recipe_(recipe), consumer_(consumer) {}

  Result<void, client::ConsumerError> run(const Offsets& from, Offsets until);
  bool complete() const { return complete_; }

 private:
  // True: that is all.
  bool take(const client::ConsumerRecords& records);
  void show(const ConsumerRecord& record);
  void leave_finished();

  Session& session_;
  const ConsumeOptions& options_;
  const ConsumeRecipe& recipe_;
  Consumer& consumer_;
  Offsets until_;  // of partitions that are still read
  int64_t count_ = 0;
  bool complete_ = false;
  std::string text_;
};

void Consumption::show(const ConsumerRecord& record) {
  if (session_.output.json()) {
    session_.output.document(record_json(record));
    return;
  }
  text_.clear();
  recipe_.format.append(record, text_);
  session_.output.text(text_);
}

bool Consumption::take(const client::ConsumerRecords& records) {
  for (const ConsumerRecord& record : records) {
    if (options_.until) {
      const auto it = until_.find({std::string(record.topic), record.partition});
      if (it == until_.end() || record.offset >= it->second) continue;
    }
    show(record);
    if (++count_ == options_.count) return true;
  }
  return false;
}

// Positions tell, not records: the last offsets may be those of markers, or be compacted away.
void Consumption::leave_finished() {
  for (auto it = until_.begin(); it != until_.end();) {
    const auto* const state = consumer_.state(it->first);
    if (state == nullptr || !state->position() || state->position()->offset < it->second) {
      ++it;
      continue;
    }
    consumer_.pause({it->first});
    it = until_.erase(it);
  }
}

Result<void, client::ConsumerError> Consumption::run(const Offsets& from, Offsets until) {
  until_ = std::move(until);
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : from) partitions.push_back(partition);
  consumer_.assign(partitions);
  for (const auto& [partition, offset] : from)
    ENSURE(consumer_.seek(partition, offset).ok(), "a partition that was assigned");
  while (!session_.stopping() && !session_.output.broken()) {
    if (options_.until) leave_finished();
    complete_ = (options_.until && until_.empty()) || options_.count == 0;
    if (complete_) break;
    auto records = consumer_.poll(seconds(1));
    if (!records.ok() && records.error().fault == client::ConsumerFault::wakeup) continue;
    if (!records.ok()) return Failure<client::ConsumerError>{records.error()};
    complete_ = take(*records);
    if (!records->empty()) session_.output.flush();
    if (complete_) break;
  }
  return {};
}

Result<Offsets> offsets_or_none(client::Admin& admin, const std::optional<Place>& place,
                                const std::vector<TopicPartition>& partitions, IsolationLevel isolation,
                                Deadline deadline) {
  if (!place) return Offsets{};
  return offsets_of(admin, *place, partitions, isolation, deadline);
}

int consume(Session& session, const ConsumeOptions& options) {
  const auto recipe = prepare(options, session.env.clock.wall());
  if (!recipe.ok()) return session.bad_input(recipe.error().message);
  ConsumerConfig preset;
  preset.auto_offset_reset = client::AutoOffsetReset::none;
  preset.allow_auto_create_topics = false;
  preset.isolation_level = options.isolation == "read_committed" ? IsolationLevel::read_committed
                                                                 : IsolationLevel::read_uncommitted;
  const ConsumerConfig config = session.settings.consumer(preset);
  const IsolationLevel isolation = config.isolation_level;
  Offsets from;
  Offsets until;
  {
    auto admin = AdminClient::connect(session);
    if (!admin.ok()) return session.failed(admin.error().message);
    const Deadline deadline = session.deadline();
    const auto partitions = find_partitions(**admin, {options.topic}, options.partitions, deadline);
    if (!partitions.ok()) return session.failed("consuming " + options.topic, partitions.error());
    auto first = offsets_of(**admin, recipe->from, *partitions, isolation, deadline);
    if (!first.ok()) return session.failed("asking where to begin", first.error());
    auto last = offsets_or_none(**admin, recipe->until, *partitions, isolation, deadline);
    if (!last.ok()) return session.failed("asking where to end", last.error());
    from = std::move(*first);
    until = std::move(*last);
  }
  auto consumer = Consumer::create(session.env, config);
  if (!consumer.ok()) return session.bad_input(consumer.error().message);
  session.stop_in_order();
  session.on_stop([&] { (*consumer)->wakeup(); });
  Consumption consumption(session, options, *recipe, **consumer);
  const auto done = consumption.run(from, std::move(until));
  (*consumer)->close();
  if (!done.ok()) return session.failed(done.error());
  const bool asked_for_an_end = options.until || options.count;
  return asked_for_an_end && !consumption.complete() && !session.output.broken() ? kInterrupted : kDone;
}

constexpr const char* kConsumeExamples =
    "  kctl consume orders                                  from the beginning, then what comes\n"
    "  kctl consume orders --from end                       what comes from now on\n"
    "  kctl consume orders --from -10 --until end           the last ten of each partition\n"
    "  kctl consume orders --from 2026-01-31T12:00 --count 5\n"
    "  kctl consume orders --format '%p %o %D %k=%s\\n'\n"
    "  kctl consume orders --partition 3 --from 1017 --json";

}  // namespace

void add_consume_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command = add_command(kctl, "consume", "read records of a topic", kConsumeExamples);
  const auto options = std::make_shared<ConsumeOptions>();
  command.add_option("topic", options->topic, "where from")->required()->type_name("TOPIC");
  command.add_option("-p,--partition", options->partitions, "only this one; may come more than once")
      ->type_name("N")
      ->allow_extra_args(false);
  command.add_option("--from", options->from, std::string("where to begin (beginning): ") + kPlaceHelp)
      ->type_name("WHERE");
  command
      .add_option("--until", options->until,
                  "where to end, in the same words; 'end' is where the partitions end now. For ever if not "
                  "given")
      ->type_name("WHERE");
  command.add_option("-n,--count", options->count, "end after so many records")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  auto* format = command.add_option("-f,--format", options->format, kFormatHelp)->type_name("TEXT");
  command.add_option("-K,--key-separator", options->key_separator, "show the key, this text, and the value")
      ->type_name("TEXT")
      ->excludes(format);
  command.add_option("--null", options->null_text, "what stands for a null key or value (nothing)")
      ->type_name("TEXT");
  command
      .add_option("--isolation", options->isolation, "read_uncommitted or read_committed (read_uncommitted)")
      ->check(CLI::IsMember({"read_uncommitted", "read_committed"}))
      ->type_name("LEVEL");
  runs(command, invocation, options, consume);
}

}  // namespace ksim::kctl
