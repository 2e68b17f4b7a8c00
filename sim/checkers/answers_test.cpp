// Stories of what controllers answer, and of what nodes make of the metadata log: M8, and M4 with the log
// itself.

#include "core/metadata/image.h"
#include "core/metadata/records.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class Answers : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    emit(1, RaftStateChanged{"leader", 1, 1, 1});
    emit(1, ControllerActivated{1});
  }

  template <class... Records>
  void append(const std::vector<int32_t>& nodes, int32_t epoch, const Records&... all) {
    RecordList records;
    (records.add(all, 0), ...);
    BatchOptions options;
    options.base_offset = end_offset;
    options.leader_epoch = epoch;
    BatchBuilder builder(options);
    for (size_t i = 0; i < records.size(); ++i) builder.append({1000, std::nullopt, records[i], {}});
    const ByteBuffer batch = builder.build();
    for (const int32_t node : nodes) write_batch(node, batch, kMetadataLog);
    end_offset += static_cast<int64_t>(records.size());
  }
  template <class... Records>
  void decide(const Records&... all) {
    append({1, 2, 3}, 1, all...);
  }
  void commit(int32_t leader = 1, int32_t epoch = 1) {
    emit(leader, RaftHighWatermarkAdvanced{epoch, end_offset});
  }

  static wire::TopicRecord topic() {
    wire::TopicRecord record;
    record.name = "orders";
    record.topic_id = kTopic;
    return record;
  }
  static wire::ProducerIdsRecord ids(int64_t next) {
    wire::ProducerIdsRecord record;
    record.broker_id = 1;
    record.next_producer_id = next;
    return record;
  }
  static wire::RegisterBrokerRecord broker(int32_t id, int64_t epoch) {
    wire::RegisterBrokerRecord record;
    record.broker_id = id;
    record.broker_epoch = epoch;
    return record;
  }
  void answer(int64_t offset, int32_t epoch = 1, int32_t node = 1) {
    emit(node, ControllerAnswered{"CreateTopics", epoch, offset});
  }

  int64_t end_offset = 0;
};

// ---- what registrations say ----

// M6, the other way round: what its directory says when it is started, and it counts as stopped without
// order.
TEST_F(Answers, CountAStopInOrderAsOne) {
  const auto registers = [this](std::string_view marker) {
    if (!marker.empty()) keep(2, "data/.kafka_cleanshutdown", marker);
    fault(2, NodeFault::crashed);
    fault(2, NodeFault::started);
    const int64_t epoch = end_offset;
    decide(broker(2, epoch));
    commit();
    emit(1, BrokerRegistered{2, epoch, false});
    return cried("M6");
  };
  decide(topic());
  EXPECT_FALSE(registers(""));
  EXPECT_FALSE(registers(R"({"version":0,"brokerEpoch":0})")) << "that was an earlier one";
  decide(broker(2, end_offset));
  EXPECT_FALSE(registers(R"({"version":0,"brokerEpoch":2})")) << "somebody registered between the two";
  EXPECT_TRUE(registers(R"({"version":0,"brokerEpoch":4})"));
}

// ---- what becomes of deleted topics ----

// S7.
TEST_F(Answers, OfADeletedTopicNoReplicaStays) {
  const auto has = [this](Uuid id) {
    keep(2, "data/orders-0/partition.metadata", fmt::format("version: 0\ntopic_id: {}\n", id.to_string()));
  };
  wire::PartitionRecord partition;
  partition.topic_id = kTopic;
  partition.partition_id = 0;
  decide(topic(), partition);
  wire::RemoveTopicRecord removed;
  removed.topic_id = kTopic;
  decide(removed);
  commit();
  ASSERT_EQ(view.metadata().steps().size(), 2U);
  has(kTopic);
  const auto at_its_end = [this] {
    now = now + seconds(10);
    end();
    return cried("S7");
  };
  EXPECT_FALSE(at_its_end()) << "it has not heard of it";
  const MetadataImageRef image = view.metadata().steps().back().image;
  emit(2, MetadataPublished{end_offset - 1, 1, false, &image});
  has(Uuid{8, 8});
  EXPECT_FALSE(at_its_end()) << "a namesake stands there";
  has(kTopic);
  EXPECT_TRUE(at_its_end());
}

// ---- what controllers say ----

TEST_F(Answers, RestOnWhatIsCommitted) {
  decide(topic());
  commit();
  answer(0);
  EXPECT_FALSE(cried("M8"));
  decide(ids(1000));
  answer(1);
  EXPECT_TRUE(cried("M8"));
}
TEST_F(Answers, OfALeaderThatWasReplacedMayComeFirst) {
  emit(2, RaftStateChanged{"leader", 2, 2, 2});
  decide(topic());
  commit(1, 1);
  answer(0);
  EXPECT_FALSE(cried("M8"));
}
// Another one led, and wrote something else there.
TEST_F(Answers, DoNotOutliveTheirEpoch) {
  decide(topic());
  append({1, 2, 3}, 3, ids(1000));
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  commit(1, 3);
  answer(0, 3);
  EXPECT_FALSE(cried("M8")) << "what an earlier one wrote counts as well";
  answer(1, 1);
  EXPECT_TRUE(cried("M8"));
}

// ---- what brokers take over ----

class TakenOver : public Answers {
 protected:
  static wire::PartitionChangeRecord isr(std::vector<int32_t>& members) {
    wire::PartitionChangeRecord record;
    record.topic_id = kTopic;
    record.partition_id = 0;
    record.isr = std::span(members);
    return record;
  }
  void SetUp() override {
    Answers::SetUp();
    wire::PartitionRecord partition;
    partition.topic_id = kTopic;
    partition.partition_id = 0;
    partition.replicas = all;
    partition.isr = all;
    partition.leader = 1;
    partition.leader_epoch = 0;
    partition.partition_epoch = 0;
    decide(broker(1, 0));
    decide(topic(), partition);
    commit();
  }
  void takes(const std::vector<int32_t>& isr, int32_t partition_epoch) {
    emit(1, IsrChanged{"orders", kTopic, 0, 0, partition_epoch, isr});
  }
  std::vector<int32_t> all{1, 2, 3};
  std::vector<int32_t> fewer{1, 2};
};
TEST_F(TakenOver, AnIsrIsCommitted) {
  takes({3, 2, 1}, 0);
  decide(isr(fewer));
  commit();
  takes({1, 2}, 1);
  end();
  EXPECT_FALSE(cried("M8"));
}
TEST_F(TakenOver, AnIsrIsNoOtherOne) {
  decide(isr(fewer));
  commit();
  takes({1, 3}, 1);
  EXPECT_TRUE(cried("M8"));
}
TEST_F(TakenOver, AnIsrOfALeaderThatWasReplacedMayComeFirst) {
  decide(isr(fewer));
  takes({1, 2}, 1);
  EXPECT_FALSE(cried("M8"));
  commit();
  end();
  EXPECT_FALSE(cried("M8"));
}
TEST_F(TakenOver, AnIsrIsCommittedInTheEnd) {
  takes({1, 2}, 1);
  EXPECT_FALSE(cried("M8"));
  end();
  EXPECT_TRUE(cried("M8"));
}

TEST_F(TakenOver, ABrokerEpochIsThatOfARegistration) {
  emit(1, BrokerEpochAssigned{0});
  EXPECT_FALSE(cried("M8"));
  emit(2, BrokerEpochAssigned{3});
  decide(broker(2, 3));
  commit();
  EXPECT_FALSE(cried("M8"));
  emit(3, BrokerEpochAssigned{3});
  EXPECT_TRUE(cried("M8"));
}

TEST_F(TakenOver, ProducerIdsAreOfOneBlock) {
  decide(ids(1000));
  decide(ids(2000));
  commit();
  emit(1, ProducerIdsAssigned{0, 1000});
  emit(2, ProducerIdsAssigned{1000, 1000});
  EXPECT_FALSE(cried("M8"));
  emit(3, ProducerIdsAssigned{500, 1000});
  EXPECT_TRUE(cried("M8"));
}
TEST_F(TakenOver, ProducerIdsAreGivenOnce) {
  decide(ids(1000));
  commit();
  emit(1, ProducerIdsAssigned{0, 1000});
  EXPECT_FALSE(cried("M8"));
  emit(2, ProducerIdsAssigned{0, 1000});
  EXPECT_TRUE(cried("M8"));
}

// ---- what is made of the log ----

class LogItself : public Answers {
 protected:
  static std::shared_ptr<const MetadataImage> image(int64_t offset, int64_t next_producer_id) {
    auto made = std::make_shared<MetadataImage>();
    made->provenance = {offset, 1, 1000};
    made->next_producer_id = next_producer_id;
    return made;
  }
};
TEST_F(LogItself, IsWhatNodesPublishAlsoOneAlone) {
  decide(ids(1000));
  commit();
  const auto right = image(0, 1000);
  emit(1, MetadataPublished{0, 1, false, &right});
  EXPECT_FALSE(cried("M4"));
  const auto wrong = image(0, 2000);
  emit(2, MetadataPublished{0, 1, true, &wrong});
  EXPECT_TRUE(cried("M4"));
}
TEST_F(LogItself, IsWhatControllersDecideBy) {
  decide(ids(1000));
  decide(ids(2000));
  commit();
  const auto right = image(0, 1000);
  emit(2, ControllerReplayed{0, 1, false, &right});
  emit(2, MetadataPublished{0, 1, false, &right});
  EXPECT_FALSE(cried("M4"));
  const auto wrong = image(1, 1000);
  emit(2, ControllerReplayed{1, 1, false, &wrong});
  EXPECT_TRUE(cried("M4"));
}
TEST_F(LogItself, MayBeReadLaterThanByANode) {
  decide(ids(1000));
  const auto wrong = image(0, 2000);
  emit(2, ControllerReplayed{0, 1, false, &wrong});
  EXPECT_FALSE(cried("M4"));
  commit();
  emit(2, BrokerStateChanged{"RUNNING"});
  EXPECT_TRUE(cried("M4"));
}

}  // namespace
}  // namespace ksim::sim
