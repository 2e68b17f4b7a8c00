// Stories of the metadata quorum and of the images that it makes: M.

#include "core/metadata/image.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

TEST_F(Story, M1CriesForTwoLeadersAndForTwoVotes) {
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  emit(2, RaftStateChanged{"leader", 3, 2, 2});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M1CriesWhenANodeLeadsAgainInTheEpochThatItLedBeforeItStarted) {
  auto& file = disks.files[{1, "data/__cluster_metadata-0/quorum-state"}];
  file.bytes = to_buffer(as_bytes(std::string_view(R"({"leaderId":1,"leaderEpoch":3,"votedId":1})")));
  file.durable = file.bytes.size();
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  fault(1, NodeFault::crashed);
  fault(1, NodeFault::started);
  emit(1, RaftStateChanged{"resigned", 3, 1, 1});
  EXPECT_EQ(cries(), "");
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M1CriesWhenWhoWasReplacedGoesOnLeading) {
  for (const int32_t node : {1, 2}) {
    keep(node, "data/__cluster_metadata-0/quorum-state", R"({"leaderId":1,"leaderEpoch":3,"votedId":1})");
  }
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  emit(2, RaftStateChanged{"leader", 4, 2, 2});
  verdicts = {};
  const auto goes_on_for = [&](Duration time) {
    for (const Instant end = now + time; now < end;) {
      now = now + milliseconds(500);
      emit(1, RaftVoteGranted{3});
    }
    return cried("M1");
  };
  EXPECT_FALSE(goes_on_for(seconds(7)));
  Duration asleep{0};
  view.local_time = [&](int32_t) { return now - asleep; };
  asleep = seconds(60);
  now = now + asleep;
  EXPECT_FALSE(goes_on_for(seconds(2))) << "it has slept, and its timers with it: only now it is due";
  EXPECT_TRUE(goes_on_for(seconds(2)));
  view.local_time = nullptr;
}

TEST_F(Story, M1CriesWhenWhoIsAskedByNoMajorityGoesOnLeading) {
  keep(1, "data/__cluster_metadata-0/quorum-state", R"({"leaderId":1,"leaderEpoch":3,"votedId":1})");
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  verdicts = {};
  bool appends = true;
  int64_t offset = 0;
  const auto goes_on_for = [&](Duration time, std::optional<int32_t> asked_by) {
    for (const Instant end = now + time; now < end;) {
      now = now + milliseconds(500);
      if (asked_by) {
        for (auto& checker : checkers) checker->on_quorum_fetch({*asked_by, 1, now});
      }
      if (appends) write(1, offset++, 3, {a}, kMetadataLog);
      emit(1, BrokerHeard{2, 2});
    }
    return cried("M1");
  };
  EXPECT_FALSE(goes_on_for(seconds(60), 2)) << "with itself that is a majority";
  EXPECT_FALSE(goes_on_for(seconds(5), std::nullopt)) << "its timers may be late";
  EXPECT_FALSE(goes_on_for(seconds(1), 3));
  appends = false;
  EXPECT_FALSE(goes_on_for(seconds(20), std::nullopt)) << "its disk may hold it up";
  appends = true;
  EXPECT_TRUE(goes_on_for(seconds(2), 1)) << "its own fetches prove nothing";
}

TEST_F(Story, M1CriesWhenAVoteIsForgotten) {
  keep(1, "data/__cluster_metadata-0/quorum-state", R"({"leaderId":-1,"leaderEpoch":3,"votedId":2})");
  emit(1, RaftStateChanged{"unattached", 3, -1, 2});
  emit(1, RaftStateChanged{"follower", 3, 2, -1});
  EXPECT_EQ(cries(), "") << "who follows a leader needs no vote any more";
  emit(1, RaftStateChanged{"unattached", 3, -1, -1});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M3CriesForALeaderThatKnowsLessThanWhoVotedForIt) {
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  write(2, 1, 1, {b}, kMetadataLog);
  write(3, 0, 1, {a}, kMetadataLog);
  write(3, 1, 2, {c}, kMetadataLog);
  emit(2, RaftStateChanged{"unattached", 3, -1, 3});
  emit(1, RaftStateChanged{"unattached", 3, -1, 3});
  emit(3, RaftStateChanged{"leader", 3, 3, 3});
  EXPECT_FALSE(cried("M3")) << "a later epoch knows more";
  emit(3, RaftStateChanged{"unattached", 4, -1, 2});
  emit(2, RaftStateChanged{"leader", 4, 2, 2});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3CriesForAVoteForACandidateThatKnowsLess) {
  write(1, 0, 1, {a}, kMetadataLog);
  write(1, 1, 1, {b}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  write(2, 1, 2, {c}, kMetadataLog);
  emit(2, RaftStateChanged{"candidate", 3, -1, 2});
  emit(1, RaftStateChanged{"unattached", 3, -1, 2});
  emit(2, RaftStateChanged{"unattached", 4, -1, 1});
  EXPECT_FALSE(cried("M3")) << "who does not stand may have asked with another log";
  emit(1, RaftStateChanged{"candidate", 5, -1, 1});
  emit(2, RaftStateChanged{"unattached", 5, -1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M1CriesWhenAStoredVoteChanges) {
  auto& file = disks.files[{1, "data/__cluster_metadata-0/quorum-state"}];
  const auto store = [&](int32_t epoch, int32_t vote) {
    const std::string text =
        fmt::format("{{\"leaderId\":-1,\"leaderEpoch\":{},\"votedId\":{}}}", epoch, vote);
    file.bytes = to_buffer(as_bytes(text));
    file.durable = text.size();
    emit(1, RaftStateChanged{"unattached", epoch, -1, vote});
  };
  store(3, 2);
  EXPECT_FALSE(cried("M1"));
  store(3, 1);
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M1CriesWhenAVoteIsGrantedThatAPowerLossWouldTakeBack) {
  const auto store = [&](int32_t epoch, int32_t vote, bool durable) {
    const std::string text = fmt::format(R"({{"leaderEpoch":{},"votedId":{}}})", epoch, vote);
    auto& file = disks.files[{1, "data/__cluster_metadata-0/quorum-state"}];
    file.bytes = to_buffer(as_bytes(text));
    file.durable = durable ? text.size() : 0;
  };
  store(3, 2, true);
  emit(1, RaftStateChanged{"unattached", 3, -1, 2});
  emit(1, RaftVoteGranted{3});
  EXPECT_EQ(cries(), "");
  store(4, 2, false);
  emit(1, RaftVoteGranted{4});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M2CriesWhenMetadataLogsForkWithinAnEpoch) {
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {b}, kMetadataLog);
  EXPECT_TRUE(cried("M2"));
}

TEST_F(Story, M3CriesWhenTheWatermarkRestsOnUnsyncedCopies) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  for (int32_t node : {1, 2, 3}) write(node, 0, 1, {a}, kMetadataLog);
  log_file(2, kMetadataLog).durable = 0;
  log_file(3, kMetadataLog).durable = 0;
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3CriesForWhatAProcessFoundThatAnEarlierOneFailedToSync) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  for (int32_t node : {1, 2}) write(node, 0, 1, {a}, kMetadataLog);
  log_file(2, kMetadataLog).durable = 0;
  fault(2, NodeFault::stopped);
  fault(2, NodeFault::started);
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3CriesWhenALengthIsDurableAndTheBytesAreNot) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  for (int32_t node : {1, 2}) write(node, 0, 1, {a}, kMetadataLog);
  log_file(2, kMetadataLog).torn_from = 70;
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3AcceptsASnapshotForTheLogBelowIt) {
  const auto file = [&](int32_t node, std::string_view name) -> FakeDisks::FakeFile& {
    return disks.files[{node, fmt::format("data/{}/{}", kMetadataLog, name)}];
  };
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  write(1, 0, 1, {a}, kMetadataLog);
  write(1, 1, 1, {b}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  // Node 2 replaces its log by a snapshot, and a new one begins there.
  disks.files.erase({2, fmt::format("data/{}/{:020}.log", kMetadataLog, 0)});
  file(2, "00000000000000000002-0000000001.checkpoint");
  file(2, "00000000000000000002.log");
  emit(2, LogTruncated{kMetadataLog, kTopic, 0, 1, 2});
  emit(1, RaftHighWatermarkAdvanced{1, 2});
  write(1, 2, 1, {c}, kMetadataLog);
  auto& begun = file(2, "00000000000000000002.log");
  begun.bytes = batch(2, 1, {c});
  begun.durable = begun.bytes.size();
  emit(2, LogAppended{kMetadataLog, kTopic, 0, 2, 3, 1});
  emit(1, RaftHighWatermarkAdvanced{1, 3});
  emit(2, RaftStateChanged{"leader", 2, 2, 2});
  EXPECT_FALSE(cried("M2") || cried("M3"));
}

TEST_F(Story, M3CriesWhenALogGoesOnThatEndsBeforeItsSnapshot) {
  write(2, 0, 1, {a}, kMetadataLog);
  keep(2, "data/__cluster_metadata-0/00000000000000000001-0000000001.checkpoint", "");
  for (const bool short_of_it : {false, true}) {
    if (short_of_it) keep(2, "data/__cluster_metadata-0/00000000000000000007-0000000001.checkpoint", "");
    fault(2, NodeFault::crashed);
    fault(2, NodeFault::started);
    emit(2, RaftStateChanged{"unattached", 1, -1, -1});
    EXPECT_EQ(cried("M3"), short_of_it);
  }
}

TEST_F(Story, M3CriesWhenALaterLeaderLacksCommittedMetadata) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_FALSE(cried("M3"));
  emit(3, RaftStateChanged{"leader", 2, 3, 3});
  EXPECT_TRUE(cried("M3"));
}

class Images : public Story {
 protected:
  void publish(int32_t node, int64_t offset, MetadataImage image, bool snapshot = false) {
    image.provenance = {offset, 1, 1000};
    for (const int32_t id : {1, 2, 3}) {
      if (image.cluster.brokers.contains(id)) continue;
      auto registration = std::make_shared<BrokerRegistration>();
      registration->id = id;
      registration->fenced = false;
      image.cluster.brokers.set(id, registration);
    }
    const auto shared = std::make_shared<const MetadataImage>(std::move(image));
    emit(node, MetadataPublished{offset, 1, snapshot, &shared});
  }
  // A topic, led by `leader`.
  static void put(MetadataImage& image, Uuid id, const std::string& name, int32_t leader,
                  const std::vector<int32_t>& isr = {1, 2, 3}) {
    auto partition = std::make_shared<PartitionRegistration>();
    partition->replicas = {1, 2, 3};
    partition->isr = isr;
    partition->leader = leader;
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id = id;
    topic->partitions.set(0, partition);
    image.topics.by_id.set(id, topic);
    image.topics.by_name.set(name, id);
  }
};

TEST_F(Images, M4AcceptsTheSameImageHoweverItCameAbout) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  publish(1, 5, image);
  publish(2, 5, image);
  put(image, kTopic, "orders", 2);
  image.configs.by_resource.set(ConfigResource::topic("orders"),
                                std::make_shared<const ConfigMap>(ConfigMap{{"retention.ms", "1"}}));
  publish(1, 6, image);
  image.topics.by_id.erase(kTopic);
  image.topics.by_name.erase(std::string("orders"));
  publish(1, 7, image);
  // Another saw only the last, in parts of its own.
  MetadataImage other;
  other.configs.by_resource.set(ConfigResource::topic("orders"),
                                std::make_shared<const ConfigMap>(ConfigMap{{"retention.ms", "1"}}));
  publish(3, 7, other, true);
  EXPECT_EQ(cries(), "");
}

TEST_F(Images, R6CriesWhenAFencedBrokerJoinsAnIsr) {
  const auto broker = [](MetadataImage& image, int32_t id, bool fenced) {
    auto registration = std::make_shared<BrokerRegistration>();
    registration->id = id;
    registration->fenced = fenced;
    image.cluster.brokers.set(id, registration);
  };
  emit(1, ControllerActivated{1});
  MetadataImage image;
  for (const int32_t id : {1, 2, 3}) broker(image, id, id == 3);
  put(image, kTopic, "orders", 1, {1});
  publish(1, 5, image);
  put(image, kTopic, "orders", 1, {1, 2});
  publish(1, 6, image);
  EXPECT_FALSE(cried("R6"));
  put(image, kTopic, "orders", 1, {1, 2, 3});
  publish(1, 7, image);
  EXPECT_TRUE(cried("R6"));
}

TEST_F(Images, M4CriesWhenASnapshotForgotSomething) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  put(image, Uuid{8, 8}, "payments", 1);
  publish(1, 5, image);
  MetadataImage forgetful;
  put(forgetful, kTopic, "orders", 1);
  publish(2, 5, forgetful, true);
  EXPECT_TRUE(cried("M4"));
}

TEST_F(Images, M4CriesWhenAReplayDivergesLater) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  publish(1, 5, image);
  publish(2, 5, image);
  put(image, kTopic, "orders", 2);
  publish(1, 6, image);
  publish(1, 7, image);
  publish(2, 6, image);
  EXPECT_FALSE(cried("M4"));
  put(image, kTopic, "orders", 3);
  publish(2, 7, image);
  EXPECT_TRUE(cried("M4"));
}

TEST_F(Images, M4CriesWhenMetadataGoesBack) {
  publish(1, 5, {});
  publish(1, 4, {});
  EXPECT_TRUE(cried("M4"));
}

}  // namespace
}  // namespace ksim::sim
