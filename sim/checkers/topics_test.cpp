// Stories of administrators who want the same topic: M5.

#include "core/metadata/image.h"
#include "core/metadata/records.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

using Kind = TopicCall::Kind;
constexpr Uuid kFirst{1, 201}, kSecond{1, 202};

class Topics : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    emit(1, RaftStateChanged{"leader", 1, 1, 1});
    emit(1, ControllerActivated{1});
  }

  // ---- the metadata log of the quorum's leader ----
  void append(const RecordList& records, int32_t epoch = 1) {
    BatchOptions options;
    options.base_offset = end_offset;
    options.leader_epoch = epoch;
    BatchBuilder builder(options);
    for (size_t i = 0; i < records.size(); ++i) builder.append({1000, std::nullopt, records[i], {}});
    end_offset += static_cast<int64_t>(records.size());
    const ByteBuffer batch = builder.build();
    for (int32_t node : {1, 2, 3}) write_batch(node, batch, kMetadataLog);
  }
  void commit(int32_t leader = 1, int32_t epoch = 1) {
    emit(leader, RaftHighWatermarkAdvanced{epoch, end_offset});
  }
  void log_create(Uuid id, int32_t partitions = 1, int32_t from = 0) {
    RecordList records;
    wire::TopicRecord topic;
    topic.name = "t";
    topic.topic_id = id;
    if (from == 0) records.add(topic, 0);
    for (int32_t index = from; index < partitions; ++index) {
      wire::PartitionRecord partition;
      partition.topic_id = id;
      partition.partition_id = index;
      records.add(partition, 0);
    }
    append(records);
    commit();
  }
  void log_grow(Uuid id, int32_t from, int32_t to) { log_create(id, to, from); }
  void log_remove(Uuid id) {
    RecordList records;
    wire::RemoveTopicRecord record;
    record.topic_id = id;
    records.add(record, 0);
    append(records);
    commit();
  }
  void log_config(std::string_view value) {
    RecordList records;
    wire::ConfigRecord record;
    record.resource_type = 2;
    record.resource_name = "t";
    record.name = "max.message.bytes";
    record.value = value;
    records.add(record, 0);
    append(records);
    commit();
  }
  void publish(int32_t node) {
    const auto image = std::make_shared<const MetadataImage>();
    emit(node, MetadataPublished{end_offset - 1, 1, false, &image});
  }

  // ---- what clients were told ----
  TopicCall ask(Kind kind, int32_t partitions = 1) {
    TopicCall call;
    call.kind = kind;
    call.number = ++calls;
    call.client = "clerk";
    call.topic = "t";
    call.broker = 2;
    call.link = 1;
    call.partitions = partitions;
    call.invoked = tick();
    tell(call);
    return call;
  }
  void answer(TopicCall call, ErrorCode error = ErrorCode::NONE, Uuid id = {}) {
    call.completed = tick();
    call.id = id;
    call.error = error;
    call.outcome = error == ErrorCode::NONE                ? Outcome::ok
                   : error == ErrorCode::REQUEST_TIMED_OUT ? Outcome::unknown
                                                           : Outcome::failed;
    tell(call);
  }
  void see(Uuid id, int32_t partitions, uint64_t link = 1) {
    TopicCall call = ask(Kind::look);
    call.link = link;
    call.seen.push_back({"t", id, partitions});
    answer(call);
  }
  void tell(const TopicCall& call) {
    for (auto& checker : checkers) checker->on_topic_call(call);
  }
  void created(Uuid id = kFirst, int32_t partitions = 1) {
    const TopicCall call = ask(Kind::create, partitions);
    log_create(id, partitions);
    answer(call, ErrorCode::NONE, id);
  }

  int64_t end_offset = 0;
  uint64_t calls = 0;
};

TEST_F(Topics, M5IsContentWithWhatIsTrue) {
  created(kFirst, 2);
  answer(ask(Kind::create), ErrorCode::TOPIC_ALREADY_EXISTS);
  const TopicCall grow = ask(Kind::grow, 3);
  log_grow(kFirst, 2, 3);
  answer(grow);
  answer(ask(Kind::grow, 3), ErrorCode::INVALID_PARTITIONS);
  TopicCall set = ask(Kind::configure);
  set.key = "max.message.bytes";
  set.value = "1";
  log_config("1");
  answer(set);
  publish(2);
  see(kFirst, 3);
  const TopicCall removed = ask(Kind::remove);
  const TopicCall during = ask(Kind::create);
  log_remove(kFirst);
  answer(during, ErrorCode::TOPIC_ALREADY_EXISTS);  // it was there at a moment of the call
  answer(removed, ErrorCode::NONE, kFirst);
  see(kFirst, 3);  // a broker may be behind
  answer(ask(Kind::remove), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  created(kSecond);
  end();
  EXPECT_FALSE(cried("M5")) << cries();
}

TEST_F(Topics, M5LetsWhatWasGivenUpHappenAtAnyTime) {
  const TopicCall given_up = ask(Kind::create);
  answer(given_up, ErrorCode::REQUEST_TIMED_OUT);
  answer(ask(Kind::remove), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  log_create(kFirst);
  end();
  EXPECT_FALSE(cried("M5")) << cries();
}

// "It was there already" says who did not do it.
TEST_F(Topics, M5CriesWhereWhoWasRefusedHasDoneIt) {
  const TopicCall call = ask(Kind::create);
  log_create(kFirst);
  answer(call, ErrorCode::TOPIC_ALREADY_EXISTS);
  end();
  EXPECT_TRUE(cried("M5"));
}

// A client's library asks whichever broker it likes, and its answer names no topic.
TEST_F(Topics, M5JudgesWhatIsAnsweredWithoutAName) {
  TopicCall call = ask(Kind::create);
  call.broker = -1;
  answer(call);
  EXPECT_TRUE(cried("M5")) << "nobody created one";
}

// Whether a second deletion is minded, of a namesake, after the call has succeeded.
struct DeletedAgain : Topics {
  bool minded(bool may_happen_again) {
    created(kFirst);
    TopicCall removed = ask(Kind::remove);
    removed.may_happen_again = may_happen_again;
    log_remove(kFirst);
    answer(removed, ErrorCode::NONE, kFirst);
    created(kSecond);
    RecordList between;
    between.add(wire::NoOpRecord{}, 0);
    append(between);
    log_remove(kSecond);
    end();
    return cried("M5");
  }
};
TEST_F(DeletedAgain, M5KnowsThatALostAttemptMayComeAfterTheCallsEnd) { EXPECT_FALSE(minded(true)); }
TEST_F(DeletedAgain, M5CriesWhereEachAttemptWasAnswered) { EXPECT_TRUE(minded(false)); }

TEST_F(Topics, M5TakesAnyTopicOfThatNameForTheOneThatIsMeant) {
  TopicCall call = ask(Kind::create, 2);
  call.broker = -1;
  log_create(kFirst, 2);
  answer(call);
  call = ask(Kind::remove);
  call.broker = -1;
  log_remove(kFirst);
  answer(call);
  end();
  EXPECT_FALSE(cried("M5")) << cries();
}

// The answer to what it sent first was lost, and a controller is still at that when the second one is done.
struct SentTwice : Topics {
  template <class Troubles>
  void grows_twice(Troubles troubles, int32_t asked = 3) {
    created();
    sends_again(2);
    const TopicCall grow = ask(Kind::grow, asked);
    troubles();
    log_grow(kFirst, 1, asked);
    answer(grow);
    sends_again(2);
    const TopicCall removed = ask(Kind::remove);
    log_remove(kFirst);
    answer(removed, ErrorCode::NONE, kFirst);
    created(kSecond);
    RecordList between;
    between.add(wire::NoOpRecord{}, 0);
    append(between);
    log_grow(kSecond, 1, 3);
    end();
  }
  void sends_again(int32_t broker, std::string_view purpose = "forwarding") {
    for (auto& checker : checkers) checker->on_mark(Mark::controller_asked_again, broker, purpose, tick());
  }
};

TEST_F(SentTwice, M5LetsItHappenTwice) {
  grows_twice([&] { sends_again(2); });
  EXPECT_FALSE(cried("M5")) << cries();
}

TEST_F(SentTwice, M5CriesWhereThatWasSomethingElse) {
  grows_twice([&] {
    sends_again(1);
    sends_again(2, "lifecycle");
  });
  EXPECT_TRUE(cried("M5"));
}

TEST_F(SentTwice, M5CriesWhereItWasAskedOtherwise) {
  grows_twice([&] { sends_again(2); }, 2);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForACreationThatNoLogHas) {
  answer(ask(Kind::create), ErrorCode::NONE, kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForACreationThatIsAcknowledgedBeforeItIsCommitted) {
  const TopicCall call = ask(Kind::create);
  answer(call, ErrorCode::NONE, kFirst);
  log_create(kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForACreationThatTwoAreTold) {
  const TopicCall one = ask(Kind::create);
  const TopicCall other = ask(Kind::create);
  log_create(kFirst);
  answer(one, ErrorCode::NONE, kFirst);
  EXPECT_FALSE(cried("M5")) << cries();
  answer(other, ErrorCode::NONE, kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForATopicThatIsNotWhatWasAsked) {
  const TopicCall call = ask(Kind::create, 3);
  log_create(kFirst, 2);
  answer(call, ErrorCode::NONE, kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenATopicIsSaidToExistAndDoesNot) {
  created();
  const TopicCall removed = ask(Kind::remove);
  log_remove(kFirst);
  answer(removed, ErrorCode::NONE, kFirst);
  answer(ask(Kind::create), ErrorCode::TOPIC_ALREADY_EXISTS);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenATopicIsSaidToBeUnknownAndIsThere) {
  created();
  answer(ask(Kind::remove), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_TRUE(cried("M5"));
}

// It cannot have heard of what its successor has done.
TEST_F(Topics, M5LetsADeposedControllerSayWhatItKnew) {
  emit(2, RaftStateChanged{"leader", 2, 2, 2});
  emit(2, ControllerActivated{2});
  const TopicCall call = ask(Kind::create);
  log_create(kFirst);  // by node 1's successor, whose log is the same here
  commit(2, 2);
  answer(call, ErrorCode::NONE, kFirst);
  EXPECT_FALSE(cried("M5")) << cries();
  answer(ask(Kind::remove), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_FALSE(cried("M5")) << cries();
  emit(1, ControllerDeactivated{1});
  answer(ask(Kind::remove), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenADeletedIdComesBack) {
  created();
  const TopicCall removed = ask(Kind::remove);
  log_remove(kFirst);
  answer(removed, ErrorCode::NONE, kFirst);
  created(kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForTwoCreationsWithoutADeletion) {
  created(kFirst);
  created(kSecond);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenPartitionsAreCreatedTwice) {
  created(kFirst, 3);
  const TopicCall grow = ask(Kind::grow, 2);
  log_grow(kFirst, 1, 2);
  answer(grow);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForADeletionThatDidNotHappen) {
  created();
  answer(ask(Kind::remove), ErrorCode::NONE, kFirst);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForGrowthThatDidNotHappen) {
  created();
  answer(ask(Kind::grow, 2));
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForASettingThatIsNeverThere) {
  created();
  TopicCall call = ask(Kind::configure);
  call.key = "max.message.bytes";
  call.value = "2";
  log_config("1");
  answer(call);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesForWhatNobodyAskedFor) {
  created();
  answer(ask(Kind::remove), ErrorCode::INVALID_REQUEST);
  log_remove(kFirst);
  end();
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenABrokerShowsWhatItHasNotPublished) {
  publish(2);
  created();
  see({}, 0);
  EXPECT_FALSE(cried("M5")) << cries();
  see(kFirst, 1);
  EXPECT_TRUE(cried("M5"));
}

TEST_F(Topics, M5CriesWhenAConnectionGoesBackInTheMetadata) {
  publish(2);
  created();
  publish(2);
  see(kFirst, 1, 1);
  see({}, 0, 2);  // another connection, on a shard that has not heard
  EXPECT_FALSE(cried("M5")) << cries();
  see({}, 0, 1);
  EXPECT_TRUE(cried("M5"));
}

}  // namespace
}  // namespace ksim::sim
