// Small clusters in which what takes the records is known: the page must name that event.

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/explain/explain.h"
#include "sim/history/sqlite.h"
#include "sim/runner/test_run.h"

namespace ksim::sim {
namespace {

// Three brokers, one partition, one producer; then `rest`.
std::string plan(const std::string& topic, const std::string& acks, const std::string& rest) {
  return fmt::format(R"(
duration = "25s"
settle = "60s"
[cluster]
brokers = 3
controllers = 1
config = {{ "replica.lag.time.max.ms" = 2000, "broker.session.timeout.ms" = 2000, "broker.heartbeat.interval.ms" = 400 }}
[[topic]]
name = "orders"
partitions = 1
replication = 3
config = {{ {} }}
[[producer]]
name = "producer"
topic = "orders"
interval = "50ms"
config = {{ acks = "{}" }}
{})",
                     topic, acks, rest);
}

std::string fault(const std::string& kind, const std::string& target, const std::string& at,
                  const std::string& lasts) {
  return fmt::format("[[fault]]\nkind = \"{}\"\ntarget = \"{}\"\nat = \"{}\"\nlasts = \"{}\"\n", kind, target,
                     at, lasts);
}

struct Explained {
  Explanation page;
  Database database;

  // The first number that the question to the recording brings.
  int64_t number(const std::string& sql) {
    Query query(database, sql);
    return query.next() ? query.number(0) : -1;
  }
};

// What a power loss leaves of what was not synced is drawn: the first seed that loses something.
Explained explained(const std::string& text) {
  RunRequest request;
  request.record = true;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    RunMemory memory;
    const RunSummary summary =
        run_plan(draw_plan(text, "test", seed, {}, fault_vocabulary()).value(), request, memory);
    EXPECT_EQ(summary.simulator_fault, "");
    EXPECT_TRUE(summary.holds()) << seed;
    if (summary.counts.lost == 0) continue;
    Database database = Database::open(summary.recording).value();
    Result<Explanation> page = explain(database, {});
    EXPECT_TRUE(page.ok()) << page.error().message;
    return {page.ok() ? std::move(page).value() : Explanation{}, std::move(database)};
  }
  ADD_FAILURE() << "nothing was ever lost";
  return {{}, Database::create().value()};
}

TEST(Incidents, AnUncleanElection) {
  // Broker 3 falls behind; then the others die, and it comes back alone.
  Explained run =
      explained(plan(R"("min.insync.replicas" = 1, "unclean.leader.election.enable" = true)", "all",
                     fault("partition", "broker-3", "4s", "10s") + fault("crash", "broker-1", "9s", "12s") +
                         fault("crash", "broker-2", "10s", "12s")));
  ASSERT_TRUE(run.page.culprit);
  EXPECT_EQ(run.page.culprit->kind, "unclean_election") << to_text(run.page, 100);
  EXPECT_EQ(run.page.culprit->at_ns,
            run.number("SELECT at_ns FROM partition_state WHERE unclean = 1 AND leader = 3"));
  EXPECT_EQ(run.page.culprit->node, 3);
}

TEST(Incidents, ThePowerOfAllMachines) {
  Explained run =
      explained(plan(R"("min.insync.replicas" = 2)", "all", fault("power_loss", "brokers", "10s", "2s")));
  ASSERT_TRUE(run.page.culprit);
  // By luck a disk may have kept it: then it was lost when another broker had to lead.
  const int64_t left =
      run.number("SELECT count(*) FROM copy WHERE batch IN (SELECT batch FROM batch_record WHERE record = " +
                 std::string("'") + run.page.record + "') AND gone_by <> 'power loss'");
  EXPECT_EQ(run.page.culprit->kind, left > 0 ? "last_known_leader" : "power_loss") << to_text(run.page, 100);
  EXPECT_EQ(run.page.culprit->at_ns,
            run.number(left > 0 ? "SELECT at_ns FROM partition_state WHERE unclean = 1"
                                : "SELECT at_ns FROM node_event WHERE what = 'power_lost'"));
}

TEST(Incidents, ALeaderThatAnsweredForItselfAlone) {
  // The leader is cut off from the others and not from the producer, goes on to acknowledge, and is replaced.
  Explained run = explained(
      plan(R"("min.insync.replicas" = 1)", "1", fault("partition", "leader(orders-0)", "8s", "8s")));
  ASSERT_TRUE(run.page.culprit);
  const bool known = run.page.culprit->kind == "leader_alone" || run.page.culprit->kind == "deposed_leader";
  EXPECT_TRUE(known) << to_text(run.page, 100);
  EXPECT_GE(run.page.culprit->at_ns, 8'000'000'000);
  EXPECT_LE(run.page.culprit->at_ns, 16'100'000'000);
}

TEST(Incidents, TheLastKnownLeader) {
  // KIP-966: one follower is gone, the other one crashes, the last one loses its page cache.
  Explained run = explained(plan(R"("min.insync.replicas" = 2)", "all",
                                 fault("crash", "follower(orders-0)", "5s", "15s") +
                                     fault("crash", "follower(orders-0)", "9s", "9s") +
                                     fault("power_loss", "leader(orders-0)", "13s", "1s")));
  ASSERT_TRUE(run.page.culprit);
  EXPECT_EQ(run.page.culprit->kind, "last_known_leader") << to_text(run.page, 100);
  EXPECT_EQ(run.page.culprit->at_ns, run.number("SELECT at_ns FROM partition_state WHERE unclean = 1"));
  EXPECT_NE(run.page.culprit->text.find("It had lost nothing"), std::string::npos) << to_text(run.page, 100);
}

TEST(Incidents, ADiskThatIsReplaced) {
  Explained run = explained(plan(R"("min.insync.replicas" = 1)", "all",
                                 fault("crash", "follower(orders-0)", "4s", "20s") +
                                     fault("crash", "follower(orders-0)", "7s", "16s") +
                                     fault("wipe_disk", "leader(orders-0)", "14s", "1s")));
  // What was acknowledged last, when the leader was the ISR alone.
  Query last(run.database, "SELECT id FROM record WHERE lost = 1 ORDER BY acknowledged_ns DESC LIMIT 1");
  ASSERT_TRUE(last.next());
  run.page = explain(run.database, parse_question("record:" + last.text(0)).value()).value();
  ASSERT_TRUE(run.page.culprit);
  EXPECT_EQ(run.page.culprit->kind, "replaced_disk") << to_text(run.page, 100);
  EXPECT_EQ(run.page.culprit->at_ns, run.number("SELECT at_ns FROM node_event WHERE what = 'wiped'"));
}

}  // namespace
}  // namespace ksim::sim
