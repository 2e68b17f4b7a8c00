#include "core/broker/fetch_session.h"

#include <algorithm>
#include <limits>

#include "core/base/assert.h"

namespace ksim::broker {

int32_t next_fetch_epoch(int32_t epoch) {
  if (epoch < 0) return kFetchEpochFinal;
  return epoch == std::numeric_limits<int32_t>::max() ? 1 : epoch + 1;
}

// ---- one session ----

std::vector<FetchItem> FetchSession::items() const {
  std::vector<FetchItem> result;
  result.reserve(order_.size());
  for (const Cached& cached : order_) result.push_back(cached.item);
  return result;
}

void FetchSession::put(const FetchItem& item) {
  if (const auto found = index_.find(item.key); found != index_.end()) {
    found->second->item.ask = item.ask;
    return;
  }
  order_.push_back({item, -1, -1});
  index_.emplace(item.key, std::prev(order_.end()));
}

bool FetchSession::remove(const FetchKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  order_.erase(found->second);
  index_.erase(found);
  return true;
}

bool FetchSession::take_news(const FetchKey& key, const FetchNews& news) {
  const auto found = index_.find(key);
  if (found == index_.end()) return true;  // forgotten by a later request that overtook this answer
  Cached& cached = *found->second;
  bool send = news.has_records || news.preferred_replica || news.diverging;
  if (cached.high_watermark != news.high_watermark) send = true;
  cached.high_watermark = news.high_watermark;
  if (cached.log_start_offset != news.log_start_offset) send = true;
  cached.log_start_offset = news.log_start_offset;
  if (news.error != ErrorCode::NONE) {
    send = true;
    cached.high_watermark = -1;  // so that the partition is sent again when the error has gone
  }
  if (news.has_records) order_.splice(order_.end(), order_, found->second);
  return send;
}

// ---- one request ----

FetchContext::Outcome FetchContext::finish(std::span<const FetchNews> answers, Instant now) {
  ENSURE(answers.size() == items_.size());
  Outcome outcome;
  outcome.include.assign(items_.size(), true);
  switch (kind_) {
    case Kind::error:
      outcome.error = error_;
      break;
    case Kind::sessionless:
      break;
    case Kind::full:
      outcome.session_id = cache_->create(from_follower_, uses_topic_ids_, items_, answers, now);
      break;
    case Kind::incremental:
      outcome.session_id = session_->id();
      if (session_->epoch_ != expected_epoch_) {  // a repeated request went through meanwhile
        outcome.error = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
        outcome.include.assign(items_.size(), false);
        break;
      }
      for (size_t i = 0; i < items_.size(); ++i)
        outcome.include[i] = session_->take_news(items_[i].key, answers[i]);
      break;
  }
  return outcome;
}

// ---- the cache ----

FetchSessionCache::FetchSessionCache(Random& random, size_t shard, size_t shard_count, size_t slots,
                                     Duration eviction_age)
    : dice_(random, Stream::fetch_session, shard), slots_(slots), eviction_age_(eviction_age) {
  ENSURE(shard < shard_count);
  const int32_t range = std::numeric_limits<int32_t>::max() / static_cast<int32_t>(shard_count);
  first_id_ = std::max(1, static_cast<int32_t>(shard) * range);
  id_count_ = (static_cast<int32_t>(shard) + 1) * range - first_id_;
}

FetchContext FetchSessionCache::begin(const FetchSessionRequest& request, Instant now) {
  if (request.session_epoch != kFetchEpochInitial && request.session_epoch != kFetchEpochFinal)
    return begin_incremental(request, now);
  if (request.session_id != kNoFetchSession) remove(request.session_id);
  FetchContext context;
  context.kind_ =
      request.session_epoch == kFetchEpochFinal ? FetchContext::Kind::sessionless : FetchContext::Kind::full;
  context.cache_ = this;
  context.from_follower_ = request.from_follower;
  context.uses_topic_ids_ = request.uses_topic_ids;
  // A partition named twice is asked for once, with what was said last.
  std::map<FetchKey, size_t> seen;
  for (const FetchItem& item : request.items) {
    const auto [at, fresh] = seen.emplace(item.key, context.items_.size());
    if (fresh) {
      context.items_.push_back(item);
    } else {
      context.items_[at->second].ask = item.ask;
    }
  }
  return context;
}

FetchContext FetchSessionCache::begin_incremental(const FetchSessionRequest& request, Instant now) {
  FetchContext context;
  context.kind_ = FetchContext::Kind::error;
  std::shared_ptr<FetchSession> session = find(request.session_id);
  if (session == nullptr) {
    context.error_ = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
    return context;
  }
  if (session->epoch_ != request.session_epoch) {
    context.error_ = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
    return context;
  }
  if (session->uses_topic_ids_ != request.uses_topic_ids) {
    context.error_ = ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR;
    return context;
  }
  for (const FetchItem& item : request.items) session->put(item);
  for (const FetchKey& key : request.forgotten) static_cast<void>(session->remove(key));
  if (session->size() == 0) {
    context.kind_ = FetchContext::Kind::sessionless;
    remove(session->id());
    return context;
  }
  touch(*session, now);
  session->epoch_ = next_fetch_epoch(session->epoch_);
  context.kind_ = FetchContext::Kind::incremental;
  context.items_ = session->items();
  context.expected_epoch_ = session->epoch_;
  context.session_ = std::move(session);
  return context;
}

std::shared_ptr<FetchSession> FetchSessionCache::find(int32_t id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

int32_t FetchSessionCache::create(bool privileged, bool uses_topic_ids, std::span<const FetchItem> items,
                                  std::span<const FetchNews> answers, Instant now) {
  if (slots_ == 0) return kNoFetchSession;
  if (sessions_.size() >= slots_ && !make_room(privileged, items.size(), now)) return kNoFetchSession;
  const int32_t id = new_id();
  auto session = std::make_shared<FetchSession>(id, privileged, uses_topic_ids, now);
  session->last_used_ = now;
  for (size_t i = 0; i < items.size(); ++i) {
    session->put(items[i]);
    FetchSession::Cached& cached = session->order_.back();
    cached.high_watermark = answers[i].error == ErrorCode::NONE ? answers[i].high_watermark : -1;
    cached.log_start_offset = answers[i].log_start_offset;
  }
  sessions_.emplace(id, session);
  touch(*session, now);
  return id;
}

// A stale session goes first; else the least worthy, if it is worth less than the new one would be. Followers
// push out consumers of any age; nobody who is not stale is pushed out while young.
bool FetchSessionCache::make_room(bool privileged, size_t partitions, Instant now) {
  if (last_used_.empty()) return false;
  const LastUsed oldest = *last_used_.begin();
  if (now - oldest.first > eviction_age_) {
    remove(oldest.second);
    ++evictions_;
    return true;
  }
  const std::set<Worth>& candidates = privileged ? evictable_by_privileged_ : evictable_by_all_;
  if (candidates.empty()) return false;
  const Worth least = *candidates.begin();
  if (Worth{privileged, partitions, 0} < least) return false;
  remove(std::get<2>(least));
  ++evictions_;
  return true;
}

void FetchSessionCache::touch(FetchSession& session, Instant now) {
  last_used_.erase({session.last_used_, session.id_});
  session.last_used_ = now;
  last_used_.insert({now, session.id_});
  evictable_by_all_.erase(worth(session));
  evictable_by_privileged_.erase(worth(session));
  partitions_ -= session.cached_size_;
  session.cached_size_ = session.size();
  partitions_ += session.cached_size_;
  const bool grown_up = now - session.created_ > eviction_age_;
  if (!session.privileged_ || grown_up) evictable_by_privileged_.insert(worth(session));
  if (grown_up) evictable_by_all_.insert(worth(session));
}

void FetchSessionCache::remove(int32_t id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const FetchSession& session = *found->second;
  last_used_.erase({session.last_used_, id});
  evictable_by_all_.erase(worth(session));
  evictable_by_privileged_.erase(worth(session));
  partitions_ -= session.cached_size_;
  sessions_.erase(found);
}

int32_t FetchSessionCache::new_id() {
  for (;;) {
    const int32_t id = first_id_ + static_cast<int32_t>(dice_.below(static_cast<uint64_t>(id_count_)));
    if (!sessions_.contains(id)) return id;
  }
}

void FetchSessionCache::assert_invariants() const {
  ENSURE(sessions_.size() <= slots_);
  ENSURE(last_used_.size() == sessions_.size());
  size_t partitions = 0;
  for (const auto& [id, session] : sessions_) {
    ENSURE(session->id_ == id);
    ENSURE(session->order_.size() == session->index_.size());
    ENSURE(last_used_.contains({session->last_used_, id}));
    ENSURE(!evictable_by_all_.contains(worth(*session)) ||
           evictable_by_privileged_.contains(worth(*session)));
    partitions += session->cached_size_;
  }
  ENSURE(partitions == partitions_);
  ENSURE(evictable_by_privileged_.size() <= sessions_.size());
}

}  // namespace ksim::broker
