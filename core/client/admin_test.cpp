#include "core/client/admin.h"

#include "core/client/fake_cluster.h"
#include "core/rpc/test_world.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/delete_records.h"
#include "core/wire/messages/describe_cluster.h"
#include "core/wire/messages/describe_configs.h"
#include "core/wire/messages/describe_log_dirs.h"
#include "core/wire/messages/describe_quorum.h"
#include "core/wire/messages/describe_topic_partitions.h"
#include "core/wire/messages/elect_leaders.h"
#include "core/wire/messages/incremental_alter_configs.h"

namespace ksim::client {
namespace {

using rpc::IncomingRequest;
using rpc::ResponseSlot;
using testing::FakeCluster;

class AdminTest : public rpc::test::RpcWorld {
 protected:
  template <class Body>
  void with_cluster(Body body) {
    run([&] {
      cluster = std::make_unique<FakeCluster>(env, 2);
      cluster->partitions.resize(2);
      cluster->partitions[1].leader = 1;
      AdminConfig config;
      config.bootstrap_servers = cluster->bootstrap();
      config.client_id = "admin";
      admin = Admin::create(env, config).value();
      body();
      admin->close();
      cluster->stop();
    });
  }
  // The same handler on every broker.
  template <class Request, class Handler>
  void serve(Handler handler) {
    for (size_t i = 0; i < cluster->broker_count(); ++i) cluster->handlers(i).on<Request>(handler);
  }
  // CreateTopics answered with what `answer` says of each topic; an empty optional closes the connection.
  void serve_create(std::function<std::optional<ErrorCode>(std::string_view)> answer) {
    serve<wire::CreateTopicsRequest>(
        [answer](const wire::CreateTopicsRequest& request, IncomingRequest& in, ResponseSlot slot) {
          wire::CreateTopicsResponse response;
          response.topics = in.arena.make_array<wire::CreatableTopicResult>(request.topics.size());
          for (size_t i = 0; i < request.topics.size(); ++i) {
            const auto error = answer(request.topics[i].name);
            if (!error) return slot.close_connection("the test wants it");
            response.topics[i].name = request.topics[i].name;
            response.topics[i].error_code = static_cast<int16_t>(*error);
          }
          slot.respond(response);
        });
  }
  static NewTopic topic(std::string name) {
    NewTopic t;
    t.name = std::move(name);
    t.partitions = 3;
    return t;
  }
  Deadline soon() { return env.after(seconds(20)); }

  std::unique_ptr<FakeCluster> cluster;
  std::unique_ptr<Admin> admin;
};

TEST_F(AdminTest, creates_topics_each_with_its_result) {
  with_cluster([&] {
    serve_create([](std::string_view name) {
      return std::optional(name == "old" ? ErrorCode::TOPIC_ALREADY_EXISTS : ErrorCode::NONE);
    });
    const ChangeResults results = admin->create_topics({topic("new"), topic("old")}, soon());
    ASSERT_EQ(results.size(), 2U);
    EXPECT_TRUE(results.at("new").ok());
    EXPECT_EQ(results.at("old").error, ErrorCode::TOPIC_ALREADY_EXISTS);
    EXPECT_FALSE(results.at("old").may_have_happened);
  });
}

// Rule G76.
TEST_F(AdminTest, a_topic_that_exists_after_a_lost_answer_may_be_ours) {
  with_cluster([&] {
    int calls = 0;
    serve_create([&](std::string_view) -> std::optional<ErrorCode> {
      if (++calls == 1) return std::nullopt;
      return ErrorCode::TOPIC_ALREADY_EXISTS;
    });
    const ChangeResults results = admin->create_topics({topic("a")}, soon());
    EXPECT_EQ(results.at("a").error, ErrorCode::TOPIC_ALREADY_EXISTS);
    EXPECT_TRUE(results.at("a").may_have_happened);
  });
}

TEST_F(AdminTest, what_succeeds_after_a_lost_answer_may_happen_again) {
  with_cluster([&] {
    int calls = 0;
    const auto lost = [&] { return ++calls == 1; };
    serve_create([&](std::string_view) { return lost() ? std::nullopt : std::optional(ErrorCode::NONE); });
    serve<wire::ElectLeadersRequest>([&](const wire::ElectLeadersRequest&, IncomingRequest& in,
                                         ResponseSlot slot) {
      if (lost()) return slot.close_connection("the test wants it");
      wire::ElectLeadersResponse response;
      response.replica_election_results = in.arena.make_array<wire::ReplicaElectionResult>(1);
      response.replica_election_results[0].topic = "a";
      response.replica_election_results[0].partition_result = in.arena.make_array<wire::PartitionResult>(1);
      slot.respond(response);
    });
    const auto created = [&] { return admin->create_topics({topic("a")}, soon()).at("a"); };
    const auto elected = [&] {
      return admin->elect_leaders(ElectionType::unclean, {{"a", 0}}, soon())->at({"a", 0});
    };
    EXPECT_TRUE(created().may_happen_again);
    EXPECT_FALSE(created().may_happen_again);
    calls = 0;
    EXPECT_TRUE(elected().may_happen_again);
    EXPECT_FALSE(elected().may_happen_again);
  });
}

TEST_F(AdminTest, another_controller_is_asked_again_only_for_what_is_open) {
  with_cluster([&] {
    std::map<std::string, int> calls;
    serve_create([&](std::string_view name) {
      const int call = ++calls[std::string(name)];
      return std::optional(name == "b" && call < 3 ? ErrorCode::NOT_CONTROLLER : ErrorCode::NONE);
    });
    const ChangeResults results = admin->create_topics({topic("a"), topic("b")}, soon());
    EXPECT_TRUE(results.at("a").ok() && results.at("b").ok());
    EXPECT_EQ(calls["a"], 1);
    EXPECT_EQ(calls["b"], 3);
  });
}

TEST_F(AdminTest, a_deadline_says_whether_anything_was_sent) {
  with_cluster([&] {
    serve_create([&](std::string_view) {
      env.sleep(seconds(40));
      return std::optional(ErrorCode::NONE);
    });
    const ChangeResults sent = admin->create_topics({topic("a")}, env.after(seconds(3)));
    EXPECT_EQ(sent.at("a").error, ErrorCode::REQUEST_TIMED_OUT);
    EXPECT_TRUE(sent.at("a").may_have_happened);
    AdminConfig config;
    config.bootstrap_servers = {{"nobody", 1}};
    auto lost = Admin::create(env, config).value();
    const ChangeResults unsent = lost->create_topics({topic("a")}, env.after(seconds(3)));
    EXPECT_EQ(unsent.at("a").error, ErrorCode::REQUEST_TIMED_OUT);
    EXPECT_FALSE(unsent.at("a").may_have_happened);
    lost->close();
  });
}

TEST_F(AdminTest, new_partitions_leave_their_brokers_to_the_controller) {
  with_cluster([&] {
    serve<wire::CreatePartitionsRequest>(
        [](const wire::CreatePartitionsRequest& request, IncomingRequest& in, ResponseSlot slot) {
          EXPECT_EQ(request.topics[0].count, 6);
          EXPECT_FALSE(request.topics[0].assignments.has_value()) << "an empty list is none for six";
          wire::CreatePartitionsResponse response;
          response.results = in.arena.make_array<wire::CreatePartitionsTopicResult>(1);
          response.results[0].name = request.topics[0].name;
          slot.respond(response);
        });
    EXPECT_TRUE(admin->create_partitions({{"t", 6}}, soon()).at("t").ok());
  });
}

TEST_F(AdminTest, records_are_deleted_by_the_leaders) {
  with_cluster([&] {
    for (size_t i = 0; i < 2; ++i) {
      cluster->handlers(i).on<wire::DeleteRecordsRequest>(
          [this, i](const wire::DeleteRecordsRequest& request, IncomingRequest& in, ResponseSlot slot) {
            wire::DeleteRecordsResponse response;
            response.topics = in.arena.make_array<wire::DeleteRecordsTopicResult>(request.topics.size());
            for (size_t t = 0; t < request.topics.size(); ++t) {
              const auto& asked = request.topics[t].partitions[0];
              response.topics[t].name = request.topics[t].name;
              response.topics[t].partitions = in.arena.make_array<wire::DeleteRecordsPartitionResult>(1);
              auto& answer = response.topics[t].partitions[0];
              answer.partition_index = asked.partition_index;
              auto& partition = cluster->partitions[static_cast<size_t>(asked.partition_index)];
              if (partition.leader == static_cast<int32_t>(i))
                partition.log_start = asked.offset;
              else
                answer.error_code = static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER);
            }
            slot.respond(response);
          });
    }
    EXPECT_TRUE(admin->delete_records({{{"t", 0}, 5}, {{"t", 1}, 6}}, soon()).at({"t", 1}).ok());
    EXPECT_EQ(cluster->partitions[0].log_start, 5);
    EXPECT_EQ(cluster->partitions[1].log_start, 6);
    cluster->partitions[0].leader = 1;  // not yet in the metadata
    cluster->partitions[0].epoch = 1;
    EXPECT_TRUE(admin->delete_records({{{"t", 0}, 8}}, soon()).at({"t", 0}).ok());
    EXPECT_EQ(cluster->partitions[0].log_start, 8);
  });
}

TEST_F(AdminTest, describes) {
  with_cluster([&] {
    serve<wire::DescribeClusterRequest>(
        [](const wire::DescribeClusterRequest&, IncomingRequest& in, ResponseSlot slot) {
          wire::DescribeClusterResponse response;
          response.cluster_id = "fake";
          response.controller_id = 1;
          response.brokers = in.arena.make_array<wire::DescribeClusterBroker>(1);
          response.brokers[0].broker_id = 1;
          response.brokers[0].host = "h";
          response.brokers[0].port = 7;
          slot.respond(response);
        });
    const auto described = admin->describe_cluster(soon());
    ASSERT_TRUE(described.ok());
    EXPECT_EQ(described->controller_id, 1);
    EXPECT_EQ(described->brokers.at(0).endpoint, (Endpoint{"h", 7}));
    const auto topics = admin->describe_topics({"t"}, soon());
    ASSERT_TRUE(topics.ok());
    EXPECT_EQ(topics->at("t").partitions.at(1).leader.leader_id, 1);
    EXPECT_EQ(admin->describe_topics({"nowhere"}, soon()).error().code,
              ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    const auto offsets =
        admin->list_offsets({{{"t", 0}, kLatestOffset}}, IsolationLevel::read_uncommitted, soon());
    EXPECT_EQ(offsets->at({"t", 0}).offset, 0);
  });
}

TEST_F(AdminTest, fenced_brokers_stand_apart) {
  with_cluster([&] {
    serve<wire::DescribeClusterRequest>(
        [](const wire::DescribeClusterRequest& request, IncomingRequest& in, ResponseSlot slot) {
          EXPECT_TRUE(request.include_fenced_brokers);
          wire::DescribeClusterResponse response;
          response.brokers = in.arena.make_array<wire::DescribeClusterBroker>(2);
          response.brokers[0].broker_id = 1;
          response.brokers[1].broker_id = 2;
          response.brokers[1].is_fenced = true;
          slot.respond(response);
        });
    const auto described = admin->describe_cluster(soon());
    ASSERT_TRUE(described.ok());
    ASSERT_EQ(described->brokers.size(), 1U);
    ASSERT_EQ(described->fenced.size(), 1U);
    EXPECT_EQ(described->fenced[0].id, 2);
  });
}

TEST_F(AdminTest, eligible_replicas_come_in_parts) {
  with_cluster([&] {
    int calls = 0;
    serve<wire::DescribeTopicPartitionsRequest>([&](const wire::DescribeTopicPartitionsRequest& request,
                                                    IncomingRequest& in, ResponseSlot slot) {
      const int32_t index = calls++;
      EXPECT_EQ(request.cursor.has_value(), index == 1);
      if (request.cursor) {
        EXPECT_EQ(request.cursor->partition_index, 1);
      }
      wire::DescribeTopicPartitionsResponse response;
      response.topics = in.arena.make_array<wire::DescribeTopicPartitionsResponseTopic>(1);
      response.topics[0].name = "t";
      response.topics[0].partitions = in.arena.make_array<wire::DescribeTopicPartitionsResponsePartition>(1);
      response.topics[0].partitions[0].partition_index = index;
      const int32_t eligible[] = {index + 5};
      response.topics[0].partitions[0].eligible_leader_replicas =
          in.arena.copy_array(std::span<const int32_t>(eligible));
      if (index == 0) {
        auto& cursor = response.next_cursor.emplace();
        cursor.topic_name = "t";
        cursor.partition_index = 1;
      }
      slot.respond(response);
    });
    const auto replicas = admin->describe_eligible_replicas({"t"}, soon());
    ASSERT_TRUE(replicas.ok());
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(replicas->at({"t", 0}).eligible, (std::vector<int32_t>{5}));
    EXPECT_EQ(replicas->at({"t", 1}).eligible, (std::vector<int32_t>{6}));
    EXPECT_TRUE(replicas->at({"t", 1}).last_known.empty());
  });
}

TEST_F(AdminTest, log_directories_of_the_broker_that_was_named) {
  with_cluster([&] {
    for (size_t i = 0; i < 2; ++i) {
      cluster->handlers(i).on<wire::DescribeLogDirsRequest>(
          [i](const wire::DescribeLogDirsRequest& request, IncomingRequest& in, ResponseSlot slot) {
            EXPECT_FALSE(request.topics.has_value());
            wire::DescribeLogDirsResponse response;
            response.results = in.arena.make_array<wire::DescribeLogDirsResult>(1);
            response.results[0].log_dir = i == 0 ? "/zero" : "/one";
            response.results[0].usable_bytes = 7;
            response.results[0].topics = in.arena.make_array<wire::DescribeLogDirsTopic>(1);
            response.results[0].topics[0].name = "t";
            response.results[0].topics[0].partitions = in.arena.make_array<wire::DescribeLogDirsPartition>(1);
            response.results[0].topics[0].partitions[0].partition_index = 3;
            response.results[0].topics[0].partitions[0].partition_size = 99;
            slot.respond(response);
          });
    }
    const auto directories = admin->describe_log_dirs(1, soon());
    ASSERT_TRUE(directories.ok());
    EXPECT_EQ(directories->at(0).path, "/one");
    EXPECT_EQ(directories->at(0).usable_bytes, 7);
    EXPECT_EQ(directories->at(0).replicas.at({"t", 3}).size_bytes, 99);
  });
}

TEST_F(AdminTest, versions_of_a_node) {
  with_cluster([&] {
    const auto versions = admin->describe_versions(1, soon());
    ASSERT_TRUE(versions.ok());
    const auto metadata = versions->apis.find(wire::MetadataRequest::kApiKey);
    ASSERT_NE(metadata, versions->apis.end());
    EXPECT_GE(metadata->second.highest, wire::MetadataRequest::kMaxVersion);
  });
}

TEST_F(AdminTest, settings_of_a_broker_come_from_that_broker) {
  with_cluster([&] {
    for (size_t i = 0; i < 2; ++i) {
      cluster->handlers(i).on<wire::DescribeConfigsRequest>(
          [i](const wire::DescribeConfigsRequest& request, IncomingRequest& in, ResponseSlot slot) {
            wire::DescribeConfigsResponse response;
            response.results = in.arena.make_array<wire::DescribeConfigsResult>(1);
            response.results[0].resource_type = request.resources[0].resource_type;
            response.results[0].resource_name = request.resources[0].resource_name;
            response.results[0].configs = in.arena.make_array<wire::DescribeConfigsResourceResult>(1);
            response.results[0].configs[0].name = "broker.id";
            response.results[0].configs[0].value = i == 0 ? "0" : "1";
            slot.respond(response);
          });
    }
    const auto entries = admin->describe_configs({ConfigResourceType::broker, "1"}, soon());
    ASSERT_TRUE(entries.ok());
    EXPECT_EQ(entries->at(0).value, "1");
  });
}

TEST_F(AdminTest, changes_of_settings) {
  with_cluster([&] {
    std::vector<std::string> seen;
    serve<wire::IncrementalAlterConfigsRequest>(
        [&](const wire::IncrementalAlterConfigsRequest& request, IncomingRequest& in, ResponseSlot slot) {
          for (const auto& config : request.resources[0].configs)
            seen.push_back(std::string(config.name) +
                           (config.value ? "=" + std::string(*config.value) : " gone"));
          wire::IncrementalAlterConfigsResponse response;
          response.responses =
              in.arena.make_array<wire::IncrementalAlterConfigsResponseAlterConfigsResourceResponse>(1);
          response.responses[0].resource_name = request.resources[0].resource_name;
          response.responses[0].error_code = static_cast<int16_t>(ErrorCode::INVALID_CONFIG);
          response.responses[0].error_message = "no";
          slot.respond(response);
        });
    const ChangeResult result = admin->incremental_alter_configs(
        {ConfigResourceType::topic, "t"},
        {{"retention.ms", ConfigOperation::set, "5"}, {"segment.ms", ConfigOperation::remove, std::nullopt}},
        soon());
    EXPECT_EQ(result.error, ErrorCode::INVALID_CONFIG);
    EXPECT_EQ(result.message, "no");
    EXPECT_FALSE(result.may_have_happened);
    EXPECT_EQ(seen, (std::vector<std::string>{"retention.ms=5", "segment.ms gone"}));
  });
}

TEST_F(AdminTest, the_quorum_is_asked_again_while_it_elects) {
  with_cluster([&] {
    int calls = 0;
    serve<wire::DescribeQuorumRequest>(
        [&](const wire::DescribeQuorumRequest& request, IncomingRequest& in, ResponseSlot slot) {
          EXPECT_EQ(request.topics[0].topic_name, "__cluster_metadata");
          wire::DescribeQuorumResponse response;
          response.topics = in.arena.make_array<wire::DescribeQuorumResponseTopicData>(1);
          response.topics[0].topic_name = "__cluster_metadata";
          response.topics[0].partitions = in.arena.make_array<wire::DescribeQuorumResponsePartitionData>(1);
          auto& partition = response.topics[0].partitions[0];
          if (++calls < 3) partition.error_code = static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER);
          partition.leader_id = 3;
          partition.leader_epoch = 9;
          partition.current_voters = in.arena.make_array<wire::DescribeQuorumResponseReplicaState>(1);
          partition.current_voters[0].replica_id = 3;
          partition.current_voters[0].log_end_offset = 77;
          slot.respond(response);
        });
    const auto quorum = admin->describe_quorum(soon());
    ASSERT_TRUE(quorum.ok());
    EXPECT_EQ(quorum->leader_id, 3);
    EXPECT_EQ(quorum->voters.at(0).log_end_offset, 77);
    EXPECT_EQ(calls, 3);
  });
}

}  // namespace
}  // namespace ksim::client
