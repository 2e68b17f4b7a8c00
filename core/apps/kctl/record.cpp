// kctl record.

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/place.h"
#include "core/apps/kctl/record_workload.h"
#include "core/apps/kctl/text/time_text.h"

namespace ksim::kctl {
namespace {

using client::IsolationLevel;

struct RecordOptions {
  std::string history;
  std::string duration = "60s";
  int32_t topics = 2;
  int32_t partitions = 3;
  int16_t replication = -1;
  int32_t producers = 3;
  int32_t consumers = 2;
  double rate = 100;
  std::string acks = "all";
  std::string isolation = "read_committed";
  bool keep = false;
};

WorkloadPlan plan_of(const Session& session, const RecordOptions& options) {
  WorkloadPlan plan;
  plan.producers = options.producers;
  plan.consumers = options.consumers;
  plan.sends_per_second = options.rate;
  client::ProducerConfig producer;
  producer.acks =
      options.acks == "all" ? client::ProducerConfig::kAcksAll : static_cast<int16_t>(options.acks[0] - '0');
  producer.enable_idempotence = producer.acks == client::ProducerConfig::kAcksAll;
  plan.producer = session.settings.producer(producer);
  client::ConsumerConfig consumer;
  consumer.auto_offset_reset = client::AutoOffsetReset::earliest;
  consumer.allow_auto_create_topics = false;
  consumer.isolation_level = options.isolation == "read_committed" ? IsolationLevel::read_committed
                                                                   : IsolationLevel::read_uncommitted;
  plan.consumer = session.settings.consumer(consumer);
  return plan;
}

// The header says what the clients really did, properties included.
HistorySettings settings_of(const WorkloadPlan& plan) {
  HistorySettings settings;
  settings.acks = plan.producer.acks < 0 ? "all" : std::to_string(plan.producer.acks);
  settings.idempotence = plan.producer.enable_idempotence;
  settings.isolation =
      plan.consumer.isolation_level == IsolationLevel::read_committed ? "read_committed" : "read_uncommitted";
  return settings;
}

Result<std::vector<std::string>> make_topics(Session& session, const RecordOptions& options) {
  TRY_ASSIGN(const AdminClient admin, AdminClient::connect(session));
  const uint64_t run = Dice(session.env.random, Stream::workload, 2).next();
  std::vector<client::NewTopic> topics;
  std::vector<std::string> names;
  for (int32_t i = 0; i < options.topics; ++i) {
    client::NewTopic& topic = topics.emplace_back();
    topic.name = fmt::format("kctl-record-{:08x}-{}", static_cast<uint32_t>(run), i);
    topic.partitions = options.partitions;
    topic.replication_factor = options.replication;
    names.push_back(topic.name);
  }
  const client::ChangeResults results = admin->create_topics(topics, session.deadline());
  for (const auto& [name, change] : results)
    if (!change.ok()) return fail(change.error, change.message.empty() ? name : name + ": " + change.message);
  return names;
}

void remove_topics(Session& session, const std::vector<std::string>& names) {
  const auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.warn("the topics of the run are left: " + admin.error().message);
  for (const auto& [name, change] : (*admin)->delete_topics(names, session.deadline()))
    if (!change.ok()) session.warn(fmt::format("topic {} is left: {}", name, describe(change)));
}

void report(const Session& session, const RecordOptions& options, const Workload& workload,
            const History& history, bool final_polls) {
  if (session.output.json()) {
    session.output.document({{"history", options.history},
                             {"events", history.events()},
                             {"acknowledged", workload.acknowledged()},
                             {"not_written", workload.not_written()},
                             {"unknown", workload.unknown()},
                             {"polled", workload.polled()},
                             {"final_polls", final_polls}});
    return;
  }
  session.output.line(fmt::format(
      "{}: {} events; sends: {} acknowledged, {} not written, {} unknown; {} records polled{}",
      options.history, history.events(), workload.acknowledged(), workload.not_written(), workload.unknown(),
      workload.polled(), final_polls ? "" : "; not everything could be read at the end"));
}

int record(Session& session, const RecordOptions& options) {
  const auto duration = parse_duration(options.duration);
  if (!duration.ok()) return session.bad_input("--duration " + duration.error().message);
  WorkloadPlan plan = plan_of(session, options);
  if (const auto valid = plan.producer.validate(); !valid.ok())
    return session.bad_input(valid.error().message);
  const auto names = make_topics(session, options);
  if (!names.ok()) return session.failed("creating topics to record on", names.error());
  const auto history = History::create(options.history, settings_of(plan));
  if (!history.ok()) {
    remove_topics(session, *names);
    return session.bad_input(history.error().message);
  }
  for (const std::string& name : *names)
    for (int32_t partition = 0; partition < options.partitions; ++partition)
      plan.partitions.push_back({name, partition});
  session.stop_in_order();
  Workload workload(session, plan, **history);
  workload.run(duration->ns == 0 ? Instant::never() : session.env.after(*duration));
  // A cluster that has just been tormented may need a while.
  const bool final_polls = workload.poll_everything(session.env.after(session.settings.timeout() * 6));
  const Result<void> written = (*history)->finish(final_polls);
  if (!options.keep) remove_topics(session, *names);
  if (!written.ok()) return session.failed(written.error().message);
  report(session, options, workload, **history, final_polls);
  return kDone;
}

}  // namespace

void add_record_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command = add_command(
      kctl, "record", "let clients work on a cluster and write down what they saw",
      "  kctl record --history run.jsonl --duration 5m --rate 200\n"
      "  kctl record --history run.jsonl --duration 0 --replication 3     until Ctrl-C\n\n"
      "'ksim check run.jsonl' judges the history: lost, duplicated and reordered records, dirty reads. "
      "Meanwhile\n"
      "let the cluster suffer: kill brokers, cut networks. At the end everything is read once more from the\n"
      "beginning. The topics are new ones, and are deleted at the end.");
  const auto options = std::make_shared<RecordOptions>();
  command.add_option("--history", options->history, "what is written; must not exist")
      ->required()
      ->type_name("FILE");
  command.add_option("--duration", options->duration, "how long: 90s, 5m, 2h; 0 until interrupted (60s)")
      ->type_name("TIME");
  command.add_option("--rate", options->rate, "records a second, of all producers together (100)")
      ->type_name("N")
      ->check(CLI::Range(0.01, 1e6));
  command.add_option("--topics", options->topics, "how many (2)")->type_name("N")->check(CLI::Range(1, 1000));
  command.add_option("--partitions", options->partitions, "of each topic (3)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command.add_option("--replication", options->replication, "the broker's default.replication.factor")
      ->type_name("N")
      ->check(CLI::Range(1, 32'767));
  command.add_option("--producers", options->producers, "how many (3)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command.add_option("--consumers", options->consumers, "how many (2)")
      ->type_name("N")
      ->check(CLI::Range(0, 1000));
  command.add_option("--acks", options->acks, "all, 1 or 0; not idempotent if not all (all)")
      ->check(CLI::IsMember({"all", "1", "0"}))
      ->type_name("N");
  command
      .add_option("--isolation", options->isolation, "read_committed or read_uncommitted (read_committed)")
      ->check(CLI::IsMember({"read_uncommitted", "read_committed"}))
      ->type_name("LEVEL");
  command.add_flag("--keep", options->keep, "leave the topics where they are");
  runs(command, invocation, options, record);
}

}  // namespace ksim::kctl
