#include "core/broker/fetch_session.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ksim::broker {
namespace {

class FakeRandom : public Random {
 public:
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return mix64(static_cast<uint64_t>(stream), entity, counter);
  }
};

FetchItem item(std::string topic, int32_t partition, int64_t offset = 0) {
  FetchItem result;
  result.key = {kZeroUuid, std::move(topic), partition};
  result.ask.fetch_offset = offset;
  return result;
}
FetchNews news(int64_t high_watermark, bool has_records = false, ErrorCode error = ErrorCode::NONE) {
  FetchNews result;
  result.high_watermark = high_watermark;
  result.log_start_offset = 0;
  result.has_records = has_records;
  result.error = error;
  return result;
}
using Items = std::vector<FetchItem>;
using News = std::vector<FetchNews>;
using Include = std::vector<bool>;

class FetchSessionTest : public testing::Test {
 protected:
  FetchContext begin(int32_t id, int32_t epoch, Items items, std::vector<FetchKey> forgotten = {},
                     bool from_follower = false, bool topic_ids = false) {
    FetchSessionRequest request;
    request.session_id = id;
    request.session_epoch = epoch;
    request.from_follower = from_follower;
    request.uses_topic_ids = topic_ids;
    request.items = items;
    request.forgotten = forgotten;
    FetchContext context = cache.begin(request, now);
    cache.assert_invariants();
    return context;
  }
  int32_t open(Items items, bool from_follower = false) {
    FetchContext context = begin(0, 0, items, {}, from_follower);
    const News answers(items.size(), news(0));
    const int32_t id = context.finish(answers, now).session_id;
    cache.assert_invariants();
    return id;
  }

  FakeRandom random;
  FetchSessionCache cache{random, 1, 4, 3};
  Instant now = Instant{} + seconds(1000);
};

TEST_F(FetchSessionTest, EpochsSkipZeroWhenTheyWrap) {
  EXPECT_EQ(next_fetch_epoch(0), 1);
  EXPECT_EQ(next_fetch_epoch(1), 2);
  EXPECT_EQ(next_fetch_epoch(std::numeric_limits<int32_t>::max()), 1);
  EXPECT_EQ(next_fetch_epoch(-1), -1);
}

TEST_F(FetchSessionTest, FinalEpochHasNoSessionAndClosesTheNamedOne) {
  const int32_t id = open({item("a", 0)});
  EXPECT_NE(id, 0);
  FetchContext context = begin(id, -1, {item("b", 0)});
  EXPECT_EQ(context.kind(), FetchContext::Kind::sessionless);
  EXPECT_EQ(context.finish(News{news(5)}, now).session_id, 0);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(FetchSessionTest, InitialEpochReplacesTheNamedSession) {
  const int32_t id = open({item("a", 0)});
  FetchContext context = begin(id, 0, {item("a", 0)});
  const int32_t second = context.finish(News{news(5)}, now).session_id;
  EXPECT_NE(second, 0);
  EXPECT_EQ(cache.find(id), id == second ? cache.find(second) : nullptr);
  EXPECT_EQ(cache.size(), 1u);
}

TEST_F(FetchSessionTest, ErrorsComeAloneAtTheTop) {
  const int32_t id = open({item("a", 0)});
  EXPECT_EQ(begin(id + 1, 1, {}).error(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
  EXPECT_EQ(begin(id, 2, {}).error(), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
  FetchContext mixed = begin(id, 1, {}, {}, false, true);
  EXPECT_EQ(mixed.error(), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
  EXPECT_TRUE(mixed.items().empty());
  EXPECT_EQ(mixed.finish({}, now).session_id, 0);
  EXPECT_EQ(begin(id, 1, {}).kind(), FetchContext::Kind::incremental) << "errors do not move the epoch";
}

TEST_F(FetchSessionTest, OnlyNewsIsSent) {
  const int32_t id = open({item("a", 0), item("a", 1), item("b", 0)});
  FetchContext context = begin(id, 1, {});
  ASSERT_EQ(context.items().size(), 3u);
  FetchNews moved_start = news(0);
  moved_start.log_start_offset = 7;
  EXPECT_EQ(context.finish(News{news(0), news(4), moved_start}, now).include, (Include{false, true, true}));
  context = begin(id, 2, {});
  EXPECT_EQ(context.finish(News{news(0), news(4), moved_start}, now).include, (Include{false, false, false}));
  FetchNews diverging = news(0);
  diverging.diverging = true;
  FetchNews preferred = news(4);
  preferred.preferred_replica = true;
  context = begin(id, 3, {});
  EXPECT_EQ(context.finish(News{diverging, preferred, moved_start}, now).include,
            (Include{true, true, false}));
}

TEST_F(FetchSessionTest, AfterAnErrorThePartitionIsSentAgain) {
  const int32_t id = open({item("a", 0)});
  FetchContext context = begin(id, 1, {});
  const News error{news(0, false, ErrorCode::NOT_LEADER_OR_FOLLOWER)};
  EXPECT_EQ(context.finish(error, now).include, (Include{true}));
  context = begin(id, 2, {});
  EXPECT_EQ(context.finish(News{news(0)}, now).include, (Include{true}));
}

TEST_F(FetchSessionTest, PartitionsWithDataGoToTheEnd) {
  const int32_t id = open({item("a", 0), item("b", 0), item("c", 0)});
  FetchContext context = begin(id, 1, {});
  context.finish(News{news(3, true), news(0), news(3, true)}, now);
  context = begin(id, 2, {});
  EXPECT_EQ(context.items()[0].key.topic, "b");
  EXPECT_EQ(context.items()[1].key.topic, "a");
  EXPECT_EQ(context.items()[2].key.topic, "c");
}

TEST_F(FetchSessionTest, ChangesAndForgottenPartitions) {
  const int32_t id = open({item("a", 0), item("b", 0)});
  FetchContext context = begin(id, 1, {item("b", 0, 9), item("c", 1)}, {item("a", 0).key, item("x", 0).key});
  ASSERT_EQ(context.items().size(), 2u);
  EXPECT_EQ(context.items()[0].ask.fetch_offset, 9);
  EXPECT_EQ(context.items()[1].key.topic, "c");
  EXPECT_EQ(context.finish(News{news(0), news(0)}, now).include, (Include{false, true}));
  EXPECT_EQ(cache.partitions(), 2u);
}

TEST_F(FetchSessionTest, WithoutPartitionsItIsClosed) {
  const int32_t id = open({item("a", 0)});
  FetchContext context = begin(id, 1, {}, {item("a", 0).key});
  EXPECT_EQ(context.kind(), FetchContext::Kind::sessionless);
  EXPECT_EQ(context.finish({}, now).session_id, 0);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(FetchSessionTest, ARepeatedRequestThatOvertookSpoilsTheAnswer) {
  const int32_t id = open({item("a", 0)});
  FetchContext first = begin(id, 1, {});
  FetchContext second = begin(id, 2, {});
  EXPECT_EQ(first.finish(News{news(4)}, now).error, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
  EXPECT_EQ(second.finish(News{news(4)}, now).include, (Include{true}));
}

TEST_F(FetchSessionTest, APartitionNamedTwiceIsAskedForOnce) {
  FetchContext context = begin(0, 0, {item("a", 0, 1), item("b", 0), item("a", 0, 2)});
  ASSERT_EQ(context.items().size(), 2u);
  EXPECT_EQ(context.items()[0].ask.fetch_offset, 2);
}

TEST_F(FetchSessionTest, NoSlotNoSession) {
  for (int i = 0; i < 3; ++i) EXPECT_NE(open({item("a", i)}), 0);
  EXPECT_EQ(open({item("a", 9), item("a", 10)}), 0) << "all are young";
  EXPECT_EQ(cache.size(), 3u);
}

TEST_F(FetchSessionTest, FollowersPushOutYoungConsumersOnly) {
  const int32_t follower = open({item("a", 0)}, true);
  const int32_t small = open({item("a", 1)});
  const int32_t large = open({item("a", 2), item("a", 3)});
  EXPECT_NE(open({item("a", 4)}, true), 0);
  EXPECT_EQ(cache.find(small), nullptr) << "the one with fewest partitions";
  EXPECT_NE(open({item("a", 5)}, true), 0);
  EXPECT_EQ(cache.find(large), nullptr);
  EXPECT_EQ(open({item("a", 6)}, true), 0);
  EXPECT_NE(cache.find(follower), nullptr);
}

TEST_F(FetchSessionTest, StaleSessionsGoFirstAndGrownUpsYieldToLarger) {
  const int32_t first = open({item("a", 0), item("a", 1)});
  const int32_t second = open({item("b", 0)});
  now = now + seconds(100);
  begin(second, 1, {}).finish(News{news(0)}, now);
  const int32_t third = open({item("c", 0)});
  now = now + seconds(21);
  EXPECT_NE(open({item("d", 0)}), 0);
  EXPECT_EQ(cache.find(first), nullptr) << "unused for longer than two minutes";
  begin(second, 2, {}).finish(News{news(0)}, now);
  EXPECT_EQ(open({item("e", 0)}), 0) << "not worth more than the oldest";
  EXPECT_NE(open({item("e", 0), item("e", 1)}), 0);
  EXPECT_EQ(cache.find(second), nullptr) << "larger than one older than two minutes";
  EXPECT_NE(cache.find(third), nullptr);
}

TEST_F(FetchSessionTest, IdsOfShardsDoNotOverlap) {
  FetchSessionCache low(random, 0, 4, 100);
  for (int i = 0; i < 100; ++i) {
    FetchSessionRequest request;
    request.session_epoch = 0;
    const Items items{item("a", i)};
    request.items = items;
    const int32_t id = low.begin(request, now).finish(News{news(0)}, now).session_id;
    EXPECT_GT(id, 0);
    EXPECT_LT(id, std::numeric_limits<int32_t>::max() / 4);
  }
  EXPECT_GE(open({item("a", 0)}), std::numeric_limits<int32_t>::max() / 4);
}

// ---- model: fetchers that keep to the protocol know what the broker last answered, whatever is evicted ----

struct ModelFetcher {
  int32_t id = 0;
  int32_t epoch = 0;
  std::map<FetchKey, FetchAsk> wanted;
  std::map<FetchKey, FetchAsk> sent;  // what the session should hold
  std::map<FetchKey, int64_t> known;  // high watermarks learned
};

RC_GTEST_PROP(FetchSessionModel, FetchersLearnEveryChange,
              (const std::vector<std::array<uint8_t, 4>>& steps)) {
  FakeRandom random;
  FetchSessionCache cache(random, 0, 1, 2);
  Instant now = Instant{} + seconds(1000);
  std::map<FetchKey, int64_t> broker;
  ModelFetcher fetchers[4];
  for (const auto& [kind, who, partition, value] : steps) {
    ModelFetcher& fetcher = fetchers[who % 4];
    const FetchKey key{kZeroUuid, "t", partition % 5};
    switch (kind % 6) {
      case 0:
        broker[key] += value % 3;
        continue;
      case 1:
        fetcher.wanted[key].fetch_offset += value % 3;
        continue;
      case 2:
        fetcher.wanted.erase(key);
        continue;
      case 3:
        now = now + seconds(value);
        continue;
      default:
        break;
    }
    Items changes;
    std::vector<FetchKey> forgotten;
    for (const auto& [wanted_key, ask] : fetcher.wanted) {
      const auto before = fetcher.sent.find(wanted_key);
      if (fetcher.id != 0 && before != fetcher.sent.end() && before->second.fetch_offset == ask.fetch_offset)
        continue;
      FetchItem change;
      change.key = wanted_key;
      change.ask = ask;
      changes.push_back(change);
    }
    for (const auto& [sent_key, ask] : fetcher.sent)
      if (fetcher.id != 0 && !fetcher.wanted.contains(sent_key)) forgotten.push_back(sent_key);
    FetchSessionRequest request;
    request.session_id = fetcher.id;
    request.session_epoch = fetcher.epoch;
    request.from_follower = who % 4 == 0;
    request.items = changes;
    request.forgotten = forgotten;
    FetchContext context = cache.begin(request, now);
    cache.assert_invariants();
    News answers;
    for (const FetchItem& asked : context.items()) answers.push_back(news(broker[asked.key]));
    const auto outcome = context.finish(answers, now);
    cache.assert_invariants();
    const ErrorCode error = outcome.error;
    if (error != ErrorCode::NONE) {
      RC_ASSERT(error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
      fetcher.id = 0;
      fetcher.epoch = 0;
      continue;
    }
    fetcher.sent = fetcher.wanted;
    RC_ASSERT(context.items().size() == fetcher.wanted.size());
    for (size_t i = 0; i < answers.size(); ++i) {
      const FetchItem& asked = context.items()[i];
      RC_ASSERT(fetcher.wanted.at(asked.key).fetch_offset == asked.ask.fetch_offset);
      if (outcome.include[i]) fetcher.known[asked.key] = answers[i].high_watermark;
      RC_ASSERT(fetcher.known.at(asked.key) == broker[asked.key]);
    }
    fetcher.id = outcome.session_id;
    fetcher.epoch = fetcher.id == 0 ? 0 : next_fetch_epoch(fetcher.epoch);
  }
}

}  // namespace
}  // namespace ksim::broker
