#include "sim/replay/replay.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/replay/split.h"
#include "sim/runner/test_run.h"

namespace ksim::sim {
namespace {

const std::vector<std::string> kPartitions{"orders-0", "orders-1"};

constexpr const char* kPlan = R"plan(
duration = "9s"
[cluster]
brokers = 3
controllers = 1
[[topic]]
name = "orders"
partitions = 2
replication = 3
[[producer]]
topic = "orders"
name = "producer-1"
[[fault]]
kind = "crash"
target = "leader(orders-0)"
at = "4s"
lasts = "2s"
)plan";

struct Seen {
  RunSummary summary;
  std::string printed;
  bool stopped = false;
};

Seen replay(ReplayOptions options) {
  const Plan plan = draw_plan(kPlan, "test", 1, {}, fault_vocabulary()).value();
  Seen seen;
  options.print = [&](std::string_view text) { seen.printed += text; };
  std::map<int32_t, std::string> names;
  for (const NodePlan& node : plan.cluster.nodes) names[node.id] = machine_name(node);
  Replay watcher(std::move(options), names);
  RunRequest request;
  request.watcher = &watcher;
  RunMemory memory;
  seen.summary = run_plan(plan, request, memory);
  seen.stopped = watcher.stopped();
  return seen;
}

bool has(const Seen& seen, std::string_view words) { return seen.printed.find(words) != std::string::npos; }

TEST(Conditions, AreAClosedLanguage) {
  EXPECT_EQ(parse_condition("leader(orders-0) changes", kPartitions)->kind, Condition::Kind::leader);
  EXPECT_EQ(parse_condition(" isr( orders-1 ) changes #3 ", kPartitions)->occurrence, 3U);
  EXPECT_EQ(parse_condition("controller changes", kPartitions)->kind, Condition::Kind::controller);
  EXPECT_EQ(parse_condition("violation", kPartitions)->kind, Condition::Kind::violation);
  EXPECT_EQ(parse_condition("isr.shrunk", kPartitions)->mark, Mark::isr_shrunk);
  EXPECT_EQ(parse_condition("isr_of_one#2", kPartitions)->predicate, Predicate::isr_of_one);
  for (const char* text :
       {"", "leader(orders-7) changes", "leader(orders-0)", "leader changes", "isr.shrunk #0",
        "isr.shrunk #x", "isr.shrank", "violation and more", "#1", "leader() changes"})
    EXPECT_FALSE(parse_condition(text, kPartitions).ok()) << text;
  EXPECT_NE(parse_condition("isr.shrank", kPartitions).error().message.find("isr.shrunk"), std::string::npos);
}

TEST(Conditions, TheFirstStateIsNoChange) {
  ConditionWatch watch(*parse_condition("isr(orders-0) changes #2", kPartitions));
  const auto tell = [&](std::string_view topic, const std::vector<int32_t>& isr) {
    const Event event{PartitionChanged{topic, Uuid{1, 2}, 0, 1, 3, 4, isr, {}, false}};
    return watch.on_event({101, 1, Instant{5}, &event});
  };
  EXPECT_FALSE(tell("orders", {1, 2, 3}));
  EXPECT_FALSE(tell("orders", {3, 2, 1}));  // the same in another order
  EXPECT_FALSE(tell("bills", {1}));
  EXPECT_FALSE(tell("orders", {1, 2}));
  EXPECT_EQ(watch.seen(), 1U);
  EXPECT_EQ(tell("orders", {1, 2, 3}), "ISR of orders-0: [1,2,3], before [1,2]");
  EXPECT_FALSE(tell("orders", {1}));  // the third time is not asked for
}

TEST(Follows, NameAMachineAComponentAndALevel) {
  const std::vector<std::string> machines{"broker-1", "broker-2"};
  const Follow follow = parse_follow("broker-2:replica=debug", machines).value();
  EXPECT_TRUE(follow.wants("broker-2", "replica", LogLevel::debug));
  EXPECT_FALSE(follow.wants("broker-1", "replica", LogLevel::debug));
  EXPECT_FALSE(follow.wants("broker-2", "raft", LogLevel::error));
  EXPECT_FALSE(parse_follow("all", machines)->wants("broker-1", "raft", LogLevel::debug));
  EXPECT_TRUE(parse_follow("all=warn", machines)->wants("broker-1", "raft", LogLevel::error));
  for (const char* text :
       {"", "broker-9", "broker-1=loud", "broker-1:", "broker-1:=debug", "broker-1:nosuch=debug"})
    EXPECT_FALSE(parse_follow(text, machines).ok()) << text;
  const std::string why = parse_follow("broker-1:replicas", machines).error().message;
  EXPECT_NE(why.find("did you mean \"replica\""), std::string::npos) << why;
  EXPECT_NE(why.find("there are broker, checker, "), std::string::npos) << why;
}

template <size_t... N>
std::set<std::string> modules_of_events(std::index_sequence<N...>) {
  std::set<std::string> modules;
  // A log line names its module itself.
  (modules.emplace(event_module(Event(std::in_place_index<N + 1>))), ...);
  return modules;
}

TEST(Follows, EveryEventIsOfAComponentThatCanBeNamed) {
  const std::set<std::string> modules =
      modules_of_events(std::make_index_sequence<std::variant_size_v<Event> - 1>());
  EXPECT_GE(modules.size(), 6U);
  for (const std::string& module : modules) EXPECT_TRUE(parse_follow("all:" + module, {}).ok()) << module;
}

TEST(Splits, ShowWhatWasTheSameAndHowItGoesOn) {
  const std::vector<std::string> a{"1", "2", "3", "x", "y"}, b{"1", "2", "3", "z"};
  const Split split = split_of(a, b, 2, 9);
  EXPECT_TRUE(split.differs);
  EXPECT_EQ(split.at, 3U);
  EXPECT_EQ(split.before, (std::vector<std::string>{"2", "3"}));
  const std::string text = side_by_side(split, 60);
  EXPECT_NE(text.find("    2\n    3\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" | z\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" | (the run has ended)\n"), std::string::npos) << text;
  EXPECT_FALSE(split_of(a, a).differs);
  EXPECT_TRUE(split_of(a, {"1"}).differs);
}

TEST(Replay, IsTheSameRun) {
  const Plan plan = draw_plan(kPlan, "test", 1, {}, fault_vocabulary()).value();
  RunMemory memory;
  const RunSummary alone = run_plan(plan, {}, memory);
  ReplayOptions options;
  options.follow.push_back({"all", "", LogLevel::debug});
  options.messages = true;
  const Seen seen = replay(std::move(options));
  EXPECT_EQ(seen.summary.digest, alone.digest);
  EXPECT_EQ(seen.summary.ended.ns, alone.ended.ns);
  EXPECT_TRUE(seen.summary.holds());
  EXPECT_TRUE(seen.summary.recording.empty());
  for (const char* words :
       {"replica.became_leader", "call.send", "Produce", "fault.began", "Ended at", "leader_epoch="})
    EXPECT_TRUE(has(seen, words)) << words;
  EXPECT_TRUE(has(seen, fmt::format("\ndigest {:016x}\n", alone.digest)));
}

TEST(Replay, StopsAtAMoment) {
  ReplayOptions options;
  options.until = Instant{} + milliseconds(4500);
  const Seen seen = replay(std::move(options));
  EXPECT_EQ(seen.summary.ended, Instant{} + milliseconds(4500));
  for (const char* words : {"Stopped at 4.500000 s", "down: crashed", "Faults that act", "crash broker-",
                            "digest so far", "ISR [", "the active controller"})
    EXPECT_TRUE(has(seen, words)) << words << "\n" << seen.printed;
}

TEST(Replay, StopsWhereSomethingHappens) {
  for (const char* text :
       {"leader(orders-0) changes", "isr(orders-1) changes", "isr.expanded", "leader_down"}) {
    ReplayOptions options;
    options.stop_at = parse_condition(text, kPartitions).value();
    const Seen seen = replay(std::move(options));
    EXPECT_TRUE(seen.stopped) << text;
    EXPECT_GE(seen.summary.ended, Instant{} + seconds(4)) << text;
    EXPECT_LE(seen.summary.ended, Instant{} + seconds(30)) << text;
    EXPECT_TRUE(has(seen, "The last of what happened")) << text;
  }
  ReplayOptions options;
  options.stop_at = parse_condition("leader(orders-0) changes #99", kPartitions).value();
  EXPECT_FALSE(replay(std::move(options)).stopped);
}

TEST(Replay, TellsProgramsLineByLine) {
  ReplayOptions options;
  options.json = true;
  options.stop_at = parse_condition("leader(orders-0) changes", kPartitions).value();
  const Seen seen = replay(std::move(options));
  size_t lines = 0;
  nlohmann::json last;
  for (size_t at = 0; at < seen.printed.size(); ++lines) {
    const size_t end = seen.printed.find('\n', at);
    last = nlohmann::json::parse(seen.printed.substr(at, end - at));
    ASSERT_TRUE(last.contains("at_ns") && last.contains("kind"));
    if (last["kind"] == "event") {
      EXPECT_TRUE(last["fields"].is_object());
    }
    at = end + 1;
  }
  EXPECT_GT(lines, 100U);
  EXPECT_EQ(last["kind"], "end");
  EXPECT_EQ(last["state"]["partitions"].size(), 2U);
  EXPECT_EQ(last["state"]["nodes"].size(), 4U);
  EXPECT_TRUE(last["stopped_by"].get<std::string>().starts_with("leader of orders-0: broker"));
}

}  // namespace
}  // namespace ksim::sim
