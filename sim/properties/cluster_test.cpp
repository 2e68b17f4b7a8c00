// Brokers and controllers among themselves, and how soon they serve again.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"

namespace ksim::sim::properties {
namespace {

// Whatever there is that destroys no disk.
Space all_in_trouble() {
  Space space;
  space.kills({"leader(orders-0)", "any", "controller", "all"})
      .troubles({"leader(orders-0)", "any", "controller"});
  return space.on_marks().most_faults(6);
}
Space all_in_the_dark() {
  Space space = all_in_trouble();
  space.fault("power_loss", {"leader(orders-0)", "any", "controller", "all"});
  return space.fault("wipe_disk", {"any broker", "leader(orders-0)"});
}

constexpr const char* kReplicasDiffer =
    "SELECT partition, offset, count(*) AS held, (SELECT count(*) FROM replica_at_end r WHERE r.partition ="
    " l.partition) AS replicas FROM log_at_end l GROUP BY partition, offset HAVING held <> replicas OR "
    "min(crc) <>"
    " max(crc) OR min(leader_epoch) <> max(leader_epoch)";

TEST(Replicas, AgreeWhenAllIsHealed) {
  const Space space = all_in_the_dark();
  hold(space, [](Trial& trial) {
    trial.none("logs differ at an offset", std::string("SELECT * FROM (") + kReplicasDiffer +
                                               ") WHERE partition <> '__cluster_metadata-0'");
    trial.none("logs end at several offsets",
               "SELECT partition, min(end_offset), max(end_offset) FROM replica_at_end WHERE partition <>"
               " '__cluster_metadata-0' GROUP BY partition HAVING min(end_offset) <> max(end_offset)");
    trial.saw("records on several disks",
              trial.ran().number("SELECT count(DISTINCT node) FROM log_at_end") - 1);
  });
}

TEST(Voters, AgreeOnWhatBothHold) {
  const Space space = all_in_trouble();
  hold(space, [](Trial& trial) {
    trial.none("two voters hold different batches at one offset",
               "SELECT offset, min(crc), max(crc), min(leader_epoch), max(leader_epoch) FROM log_at_end "
               "WHERE partition ="
               " '__cluster_metadata-0' GROUP BY offset HAVING min(crc) <> max(crc) OR min(leader_epoch) <>"
               " max(leader_epoch)");
    trial.saw("metadata", trial.ran().number("SELECT count(*) FROM log_at_end WHERE partition ="
                                             " '__cluster_metadata-0'"));
  });
}

TEST(ACluster, Heals) {
  const Space space = all_in_trouble();
  hold(space, [](Trial& trial) {
    const Plan& plan = trial.ran().plan();
    trial.none("a send was not acknowledged",
               "SELECT record, outcome, error FROM op WHERE kind = 'send' AND outcome <> 'ok'");
    trial.none(
        "a committed record was not handed to both readers",
        "SELECT id, partition, committed_offset FROM record WHERE committed_offset IS NOT NULL AND id NOT IN"
        " (SELECT record FROM op WHERE kind = 'read' GROUP BY record HAVING count(DISTINCT client) = 2)");
    trial.none(
        "a partition has no leader, or not all replicas in its ISR",
        fmt::format(
            "SELECT * FROM (SELECT partition, leader, isr, max(partition_epoch) FROM partition_state GROUP"
            " BY partition) WHERE leader < 0 OR length(isr) - length(replace(isr, ',', '')) <> {}",
            plan.topics.front().replication - 1));
  });
}

TEST(ElectedLeaders, WereInTheIsrOrEligible) {
  Space space = all_in_the_dark();
  space.sizes({"2/2/1", "3/3/1", "3/3/2", "4/3/2"});
  hold(space, [](Trial& trial) {
    trial.none("a broker leads that was in neither ISR nor ELR before",
               "SELECT partition, leader, leader_epoch, before FROM (SELECT *, lag(isr || ',' || elr) OVER "
               "(PARTITION BY"
               " partition ORDER BY partition_epoch) AS before FROM partition_state) WHERE before IS NOT "
               "NULL AND leader >="
               " 0 AND NOT unclean AND instr(',' || before || ',', ',' || leader || ',') = 0");
    trial.saw("an election", static_cast<int64_t>(trial.ran().summary().counts.elections));
  });
}

TEST(UncleanElections, NeverHappenWhereTheyAreForbiddenAndNoDiskIsLost) {
  const Space space = all_in_trouble();
  hold(space, [](Trial& trial) {
    trial.none("a leader was elected in an unclean way",
               "SELECT partition, leader, leader_epoch FROM partition_state WHERE unclean");
    trial.saw("an election", static_cast<int64_t>(trial.ran().summary().counts.elections));
  });
}

TEST(LeaderEpochs, BelongToOneBrokerAndGoForward) {
  const Space space = all_in_the_dark();
  hold(space, [](Trial& trial) {
    trial.none(
        "two brokers became leader in one epoch",
        "SELECT subject, epoch, min(node), max(node) FROM (SELECT *, json_extract(detail, '$.leader_epoch') "
        "AS"
        " epoch FROM event WHERE name = 'replica.became_leader') GROUP BY subject, epoch HAVING min(node) <>"
        " max(node)");
    trial.none(
        "an epoch of a partition went back",
        "SELECT partition, leader_epoch, was_leader, partition_epoch, was_partition FROM (SELECT *,"
        " lag(leader_epoch) OVER (PARTITION BY partition ORDER BY at_ns, rowid) AS was_leader,"
        " lag(partition_epoch) OVER (PARTITION BY partition ORDER BY at_ns, rowid) AS was_partition FROM"
        " partition_state) WHERE leader_epoch < was_leader OR partition_epoch < was_partition");
    trial.none("a log's epochs go back",
               "SELECT partition, node, offset, leader_epoch, before FROM (SELECT *, lag(leader_epoch) OVER "
               "(PARTITION"
               " BY partition, node ORDER BY offset) AS before FROM log_at_end) WHERE leader_epoch < before");
  });
}

TEST(HighWatermarks, OfALeaderNeverGoBack) {
  const Space space = all_in_the_dark();
  hold(space, [](Trial& trial) {
    trial.none("a leader's high watermark went back within its epoch",
               "SELECT subject, node, epoch, mark, before FROM (SELECT *, lag(mark) OVER (PARTITION BY "
               "subject, node,"
               " incarnation, epoch ORDER BY id) AS before FROM (SELECT *, json_extract(detail, "
               "'$.high_watermark') AS"
               " mark, json_extract(detail, '$.leader_epoch') AS epoch FROM event WHERE name = "
               "'replica.high_watermark'"
               " AND json_extract(detail, '$.leader') = 1)) WHERE mark < before");
    trial.saw("a high watermark",
              trial.ran().number("SELECT count(*) FROM event WHERE name = 'replica.high_watermark'"));
  });
}

// ---- the quorum ----

Space quorums() {
  Space space;
  space.sizes({"1/1/1", "2/2/1", "3/3/2"}).controllers({"1", "3", "5"});
  space.kills({"controller", "any controller", "controllers"}).troubles({"controller", "any controller"});
  return space.fault("power_loss", {"controller", "any controller", "controllers"}).on_marks().most_faults(6);
}

TEST(TheQuorum, HasOneLeaderAndOneVoteAnEpoch) {
  const Space space = quorums();
  hold(space, [](Trial& trial) {
    trial.none("two nodes lead the quorum in one epoch",
               "SELECT epoch, min(node), max(node) FROM raft_state WHERE state = 'leader' GROUP BY epoch "
               "HAVING min(node)"
               " <> max(node)");
    trial.none("a voter voted twice in an epoch",
               "SELECT node, epoch, min(voted), max(voted) FROM raft_state WHERE voted >= 0 GROUP BY node, "
               "epoch HAVING"
               " min(voted) <> max(voted)");
    trial.none("a voter went back to an earlier epoch",
               "SELECT node, epoch, before FROM (SELECT *, lag(epoch) OVER (PARTITION BY node ORDER BY "
               "at_ns, rowid) AS"
               " before FROM raft_state) WHERE epoch < before");
    trial.saw("an election of the quorum", trial.ran().number("SELECT max(epoch) - 1 FROM raft_state"));
  });
}

TEST(Controllers, AtMostOneIsActiveInAnEpoch) {
  const Space space = quorums();
  hold(space, [](Trial& trial) {
    trial.none("two controllers were active in one epoch",
               "SELECT epoch, min(node), max(node) FROM (SELECT *, json_extract(detail, '$.epoch') AS epoch "
               "FROM event"
               " WHERE name = 'controller.activated') GROUP BY epoch HAVING min(node) <> max(node)");
    trial.none(
        "a controller became active in an epoch before one in which another was",
        "SELECT node, epoch, before FROM (SELECT *, lag(epoch) OVER (ORDER BY id) AS before FROM (SELECT *,"
        " json_extract(detail, '$.epoch') AS epoch FROM event WHERE name = 'controller.activated')) WHERE "
        "epoch <="
        " before");
    trial.saw("an active controller",
              trial.ran().number("SELECT count(*) FROM event WHERE name = 'controller.activated'"));
  });
}

// An administrator adds partition after partition; one that is lost would be added again.
TEST(CommittedMetadata, SurvivesTheLossOfAMinorityOfControllers) {
  Space space = quorums();
  space.controllers({"3", "5"});
  space.knob("admin", {"300ms", "100ms"}, [](Plan& plan, const std::string& word) {
    AdminPlan admin;
    admin.name = "admin-1";
    admin.topic = "orders";
    admin.interval = milliseconds(word == "300ms" ? 300 : 100);
    admin.calls = {"create_partitions", "alter_configs"};
    plan.admins.push_back(admin);
  });
  // Gone for good, as far as the workload is concerned.
  space.trim([](Plan& plan) {
    for (FaultPlan& fault : plan.faults) {
      if (fault.target == "controllers") fault.target = "any controller";
      if (fault.kind == "power_loss" || fault.kind == "crash") fault.lasts.reset();
    }
    size_t most = plan.cluster.nodes.back().id >= 105 ? 2 : 1;
    std::erase_if(plan.faults, [&](const FaultPlan& fault) { return !fault.lasts && most-- == 0; });
  });
  hold(space, [](Trial& trial) {
    trial.none("the same partition was added twice",
               "SELECT partition, offset, count(*) FROM op WHERE kind = 'create_partitions' AND outcome = "
               "'ok' GROUP BY"
               " partition, offset HAVING count(*) > 1");
    trial.none("a partition that was added is not there in the end",
               "SELECT partition || '-' || (offset - 1) AS added FROM op WHERE kind = 'create_partitions' "
               "AND outcome = 'ok'"
               " AND added NOT IN (SELECT partition FROM replica_at_end)");
    trial.saw(
        "an added partition",
        trial.ran().number("SELECT count(*) FROM op WHERE kind = 'create_partitions' AND outcome = 'ok'"));
  });
}

// ---- how soon ----

// Leaders are moved away before a broker stops, so that nobody waits for an election or for a session to end.
// A follower that hears of a new leader before that one does is refused, and asks again after
// replica.fetch.backoff.ms.
TEST(ARollingRestart, LetsNobodyWait) {
  constexpr int64_t kMostMs = 700;
  Space space;
  space.sizes({"2/2/1", "3/3/1", "3/3/2", "4/3/2"}).duration({"6s", "9s"}).most_faults(1);
  space.cluster("replica.fetch.backoff.ms", {"100"});
  space.fault("rolling_restart", {"brokers"}, {{"down", "200ms"}, {"gap", "1500ms"}});
  space.trim([](Plan& plan) {
    for (FaultPlan& fault : plan.faults) {
      fault.lasts = plan.duration;
      fault.trigger.at = milliseconds(2000);
    }
  });
  hold(
      space,
      [=](Trial& trial) {
        trial.none(
            "a send took too long",
            fmt::format(
                "SELECT record, partition, (completed_ns - invoked_ns) / 1000000 AS ms FROM op WHERE kind ="
                " 'send' AND ms > {}",
                kMostMs));
        trial.none("a send was not acknowledged",
                   "SELECT record, outcome, error FROM op WHERE kind = 'send' AND outcome <> 'ok'");
        trial.none("a record was lost", "SELECT id FROM record WHERE lost");
        trial.saw("a broker that was stopped in order",
                  trial.ran().number(
                      "SELECT count(*) FROM event WHERE name = 'broker.state_changed' AND detail LIKE"
                      " '%CONTROLLED_SHUTDOWN%'"));
      },
      4);
}

// Not even of a topic that is being made; S3 looks at the disk.
TEST(AStopInOrder, LeavesNothingBehindItsMarker) {
  Space space;
  space.sizes({"2/2/1", "3/3/1"}).controllers({"3", "1"});
  space.knob("disk", {"spinning"}, [](Plan& plan, const std::string& word) { plan.disk.latency = word; });
  space.fault("stop", {"brokers", "broker-1", "broker-2"});
  space.trim([](Plan& plan) {
    for (FaultPlan& fault : plan.faults)  // about when the topic is made
      fault.trigger.at = milliseconds(1700 + (fault.trigger.at->ms() - 1000) / 6);
  });
  hold(space, [](Trial& trial) { trial.none("a record was lost", "SELECT id FROM record WHERE lost"); });
}

TEST(AQuietCluster, ServesEverybodyAtOnce) {
  constexpr int64_t kMostMs = 1000;  // the first ones wait for a leader that hears of the topic
  Space space;
  hold(space, [=](Trial& trial) {
    trial.none(
        "a send took too long",
        fmt::format(
            "SELECT record, partition, (completed_ns - invoked_ns) / 1000000 AS ms FROM op WHERE kind ="
            " 'send' AND ms > {}",
            kMostMs));
    trial.wrong_if(trial.ran().summary().counts.elections > 0, "a leader was elected, and nothing was wrong");
    trial.wrong_if(trial.ran().summary().counts.truncations > 0, "a log was cut, and nothing was wrong");
  });
}

}  // namespace
}  // namespace ksim::sim::properties
