// Fetch sessions between a broker and its fetchers, both of them the real thing, against what each fetcher
// was told last. Answers are lost, sessions are pushed out by others, partitions come, go and change.

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include "core/broker/fetch_session_client.h"

namespace ksim::broker::session_model {
namespace {

constexpr size_t kFetchers = 3;  // the first one is a follower
constexpr size_t kSlots = 2;
constexpr int32_t kPartitions = 4;

class NoRandom : public Random {
 public:
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return mix64(static_cast<uint64_t>(stream), entity, counter);
  }
};

FetchKey key_of(int32_t partition) { return {kZeroUuid, "t", partition}; }

struct Fetcher {
  std::map<int32_t, int64_t> wanted;  // offset by partition
};

struct Model {
  std::array<FetchNews, kPartitions> partitions;  // what the broker would answer
  std::array<Fetcher, kFetchers> fetchers;
  Model() {
    for (FetchNews& news : partitions) news.high_watermark = news.log_start_offset = 0;
  }
};

struct System {
  NoRandom random;
  FetchSessionCache cache{random, 0, 1, kSlots};
  std::array<FetchSessionClient, kFetchers> clients;
  // What the broker told in a session; nothing of a partition that has to be told in any case.
  std::array<std::map<int32_t, FetchNews>, kFetchers> told;
  Instant now = Instant{} + seconds(1000);
};

using Command = rc::state::Command<Model, System>;

int32_t some_partition() { return *rc::gen::inRange(0, kPartitions); }
size_t some_fetcher() { return *rc::gen::inRange<size_t>(0, kFetchers); }

// Something happens to a partition.
struct Change : Command {
  int32_t partition = some_partition();
  int kind = *rc::gen::inRange(0, 6);
  void apply(Model& model) const override {
    FetchNews& news = model.partitions[static_cast<size_t>(partition)];
    if (kind == 0) ++news.high_watermark;
    if (kind == 1) ++news.log_start_offset;
    if (kind == 2) news.has_records = !news.has_records;
    if (kind == 3) news.diverging = !news.diverging;
    if (kind == 4) news.preferred_replica = !news.preferred_replica;
    if (kind == 5)
      news.error = news.error == ErrorCode::NONE ? ErrorCode::NOT_LEADER_OR_FOLLOWER : ErrorCode::NONE;
  }
  void show(std::ostream& out) const override {
    constexpr const char* kKinds[] = {"high watermark", "log start",         "records",
                                      "diverging",      "preferred replica", "error"};
    out << kKinds[kind] << " of " << partition;
  }
};

struct Want : Command {
  size_t fetcher = some_fetcher();
  int32_t partition = some_partition();
  int64_t offset = *rc::gen::inRange<int64_t>(0, 3);
  void apply(Model& model) const override { model.fetchers[fetcher].wanted[partition] = offset; }
  void show(std::ostream& out) const override {
    out << "fetcher " << fetcher << " wants " << partition << " from " << offset;
  }
};

struct Leave : Command {
  size_t fetcher = some_fetcher();
  int32_t partition = some_partition();
  void apply(Model& model) const override { model.fetchers[fetcher].wanted.erase(partition); }
  void show(std::ostream& out) const override { out << "fetcher " << fetcher << " leaves " << partition; }
};

struct Wait : Command {
  int64_t time_s = *rc::gen::element(1, 50, 130);
  void run(const Model&, System& system) const override { system.now = system.now + seconds(time_s); }
  void show(std::ostream& out) const override { out << time_s << " s later"; }
};

bool same(const FetchNews& one, const FetchNews& other) {
  return one.high_watermark == other.high_watermark && one.log_start_offset == other.log_start_offset;
}

// So many requests, one after the other; the answer of the last one may be lost.
struct Fetch : Command {
  size_t fetcher = some_fetcher();
  int times = *rc::gen::element(1, 1, 2, 30);
  bool lost = *rc::gen::inRange(0, 6) == 0;

  void run(const Model& model, System& system) const override {
    for (int i = 1; i <= times; ++i) fetch(model, system, lost && i == times);
  }
  void fetch(const Model& model, System& system, bool lose) const {
    const Fetcher& who = model.fetchers[fetcher];
    FetchSessionClient& client = system.clients[fetcher];
    std::map<FetchKey, FetchAsk> wanted;
    for (const auto& [partition, offset] : who.wanted) wanted[key_of(partition)].fetch_offset = offset;
    const FetchSessionClient::Request sent = client.next(wanted);
    FetchSessionRequest request{sent.session_id, sent.session_epoch, fetcher == 0,
                                false,           sent.items,         sent.forgotten};
    FetchContext context = system.cache.begin(request, system.now);
    system.cache.assert_invariants();
    std::vector<FetchNews> answers;
    for (const FetchItem& item : context.items())
      answers.push_back(model.partitions[static_cast<size_t>(item.key.partition)]);
    const FetchContext::Outcome outcome = context.finish(answers, system.now);
    system.cache.assert_invariants();
    RC_ASSERT(system.cache.size() <= kSlots);
    if (lose) return client.lost();
    if (!client.answered(outcome.error, outcome.session_id)) {
      // Pushed out: the only thing that can go wrong.
      RC_ASSERT(outcome.error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
      return;
    }
    told_all(who, context, outcome, answers, sent.full(), system.told[fetcher]);
  }
  // The broker reads what is wanted, and no more; it tells all that is news, and no more.
  static void told_all(const Fetcher& who, const FetchContext& context, const FetchContext::Outcome& outcome,
                       const std::vector<FetchNews>& answers, bool full, std::map<int32_t, FetchNews>& told) {
    if (full) told.clear();
    RC_ASSERT(context.items().size() == who.wanted.size());
    for (size_t i = 0; i < answers.size(); ++i) {
      const FetchItem& item = context.items()[i];
      const FetchNews& answer = answers[i];
      const auto offset = who.wanted.find(item.key.partition);
      RC_ASSERT(offset != who.wanted.end());
      RC_ASSERT(item.ask.fetch_offset == offset->second);
      const auto before = told.find(item.key.partition);
      const bool known = before != told.end() && same(before->second, answer);
      const bool to_act_on = answer.has_records || answer.diverging || answer.preferred_replica ||
                             answer.error != ErrorCode::NONE;
      RC_ASSERT(outcome.include[i] == (full || to_act_on || !known));
      told[item.key.partition] = answer;
      // After an error all is told again.
      if (answer.error != ErrorCode::NONE) told.erase(item.key.partition);
    }
    std::erase_if(told, [&](const auto& one) { return !who.wanted.contains(one.first); });
  }
  void show(std::ostream& out) const override {
    out << "fetcher " << fetcher << " fetches" << (times > 1 ? " often" : "")
        << (lost ? ", an answer is lost" : "");
  }
};

RC_GTEST_PROP(FetchSessionModel, TellsAllNewsAndNothingElse, ()) {
  System system;
  rc::state::check(Model(), system,
                   rc::state::gen::execOneOfWithArgs<Fetch, Fetch, Fetch, Fetch, Change, Change, Want, Want,
                                                     Leave, Wait>());
}

}  // namespace
}  // namespace ksim::broker::session_model
