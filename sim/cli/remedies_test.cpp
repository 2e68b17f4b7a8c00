#include "sim/cli/remedies.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

constexpr const char* kPlan = R"(
[cluster]
brokers = 3
controllers = 1
config = { "replica.lag.time.max.ms" = 9000 }
[[topic]]
name = "orders"
partitions = 1
replication = 3
[[producer]]
name = "producer"
topic = "parcels"
also = ["orders"]
config = { acks = "1" }
[[topic]]
name = "parcels"
)";

Plan plan_with(const std::string& key = "", const std::string& value = "") {
  Plan plan = draw_plan(kPlan, "test", 1, {}, plan_vocabulary()).value();
  if (!key.empty()) plan.cluster.config[key] = value;
  return plan;
}

Explanation page_about(Explanation::About about, std::vector<std::string> blamed = {}) {
  Explanation page;
  page.about = about;
  page.partition = "orders-0";
  page.waited_ns = 6'000'000'000;
  page.blamed = std::move(blamed);
  return page;
}

// The plan in which this is set; null: it is not tried.
const Plan* tried(const Remedies& remedies, const std::string& setting) {
  const auto found = std::find(remedies.settings.begin(), remedies.settings.end(), setting);
  return found == remedies.settings.end()
             ? nullptr
             : &remedies.plans[static_cast<size_t>(found - remedies.settings.begin())];
}

bool in_force(const Remedies& remedies, const std::string& setting) {
  return std::find(remedies.in_force.begin(), remedies.in_force.end(), setting) != remedies.in_force.end();
}

TEST(Remedies, EligibleReplicasAreInForceOrTried) {
  const Explanation page = page_about(Explanation::About::record);
  const std::string setting = "eligible.leader.replicas.version=1";
  EXPECT_TRUE(in_force(remedies_for(plan_with(), page), setting));
  for (const char* features : {"eligible.leader.replicas.version=0", "metadata.version=24"}) {
    const Remedies remedies = remedies_for(plan_with("bootstrap.features", features), page);
    EXPECT_FALSE(in_force(remedies, setting)) << features;
    ASSERT_NE(tried(remedies, setting), nullptr) << features;
    EXPECT_NE(tried(remedies, setting)->cluster.config.at("bootstrap.features").find(setting),
              std::string::npos);
  }
  // Before 4.0-IV1 there are none: with a later version.
  const Remedies older = remedies_for(plan_with("bootstrap.features", "metadata.version=13"), page);
  const Plan* plan = tried(older, "eligible.leader.replicas.version=1 (metadata.version=25)");
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->cluster.config.at("bootstrap.features"), setting);
  ASSERT_NE(tried(older, "all of these settings"), nullptr);
  EXPECT_EQ(tried(older, "all of these settings")->cluster.config.at("bootstrap.features"), setting);
}

TEST(Remedies, WhoSendsThereAsWellIsAProducerOfIt) {
  const Remedies remedies = remedies_for(plan_with(), page_about(Explanation::About::record));
  EXPECT_FALSE(in_force(remedies, "acks=all"));
  ASSERT_NE(tried(remedies, "acks=all"), nullptr);
  EXPECT_EQ(tried(remedies, "acks=all")->producers.front().config.at("acks"), "all");
}

TEST(Remedies, WhatAPageBlamesIsTried) {
  const Remedies lag =
      remedies_for(plan_with(), page_about(Explanation::About::outage, {"replica.lag.time.max.ms"}));
  ASSERT_NE(tried(lag, "replica.lag.time.max.ms=2000"), nullptr);
  EXPECT_EQ(tried(lag, "replica.lag.time.max.ms=2000")->cluster.config.at("replica.lag.time.max.ms"), "2000");
  const Remedies request =
      remedies_for(plan_with(), page_about(Explanation::About::outage, {"request.timeout.ms"}));
  ASSERT_NE(tried(request, "request.timeout.ms=2000"), nullptr);
  EXPECT_EQ(tried(request, "request.timeout.ms=2000")->producers.front().config.at("request.timeout.ms"),
            "2000");
  for (const char* blamed :
       {"broker.session.timeout.ms", "min.insync.replicas", "unclean.leader.election.enable",
        "replica.lag.time.max.ms", "request.timeout.ms"}) {
    const Remedies remedies = remedies_for(plan_with(), page_about(Explanation::About::outage, {blamed}));
    std::vector<std::string> all = remedies.settings;
    all.insert(all.end(), remedies.in_force.begin(), remedies.in_force.end());
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const std::string& one) {
      return one.starts_with(std::string(blamed) + "=");
    })) << blamed;
  }
}

TEST(Remedies, AFollowersFetchWaitsNoLongerThanItMayLag) {
  Explanation page = page_about(Explanation::About::outage, {"replica.lag.time.max.ms"});
  page.waited_ns = 1'200'000'000;
  EXPECT_NE(
      tried(remedies_for(plan_with("replica.fetch.wait.max.ms", "700"), page), "replica.lag.time.max.ms=700"),
      nullptr);
}

}  // namespace
}  // namespace ksim::sim
