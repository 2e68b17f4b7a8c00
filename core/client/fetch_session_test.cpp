#include "core/client/fetch_session.h"

#include <gtest/gtest.h>

#include "core/client/testing.h"

namespace ksim::client {
namespace {

using testing::kFirst;
using testing::kId;
using testing::kSecond;

constexpr Uuid kNewId{1, 2};

FetchSession::Asked ask(const TopicPartition& partition, int64_t offset, Uuid id = kId) {
  return {partition, {id, offset, 3, 1000}};
}

TEST(ClientFetchSession, full_then_only_what_changed) {
  FetchSession session;
  auto request = session.build({ask(kFirst, 0), ask(kSecond, 0)});
  EXPECT_EQ(request.session_epoch, 0);
  EXPECT_EQ(request.to_send.size(), 2U);
  EXPECT_TRUE(session.handle(ErrorCode::NONE, 77, {kFirst, kSecond}, false, 0));
  request = session.build({ask(kFirst, 5), ask(kSecond, 0)});
  EXPECT_EQ(request.session_id, 77);
  EXPECT_EQ(request.session_epoch, 1);
  ASSERT_EQ(request.to_send.size(), 1U);
  EXPECT_EQ(request.to_send[0].partition, kFirst);
  EXPECT_TRUE(request.to_forget.empty());
  EXPECT_TRUE(session.handle(ErrorCode::NONE, 77, {}, false, 0));
  request = session.build({ask(kSecond, 0)});
  EXPECT_EQ(request.session_epoch, 2);
  EXPECT_TRUE(request.to_send.empty());
  ASSERT_EQ(request.to_forget.size(), 1U);
  EXPECT_EQ(request.to_forget[0].partition, kFirst);
}

TEST(ClientFetchSession, a_topic_created_anew_is_forgotten_and_sent) {
  FetchSession session;
  session.build({ask(kFirst, 0)});
  session.handle(ErrorCode::NONE, 77, {kFirst}, false, 0);
  const auto request = session.build({ask(kFirst, 0, kNewId)});
  ASSERT_EQ(request.to_send.size(), 1U);
  ASSERT_EQ(request.to_forget.size(), 1U);
  EXPECT_EQ(request.to_forget[0].topic_id, kId);
  EXPECT_EQ(*session.topic_name(kNewId), "t");
}

TEST(ClientFetchSession, errors_ask_for_a_new_session) {  // G43
  FetchSession session;
  session.build({ask(kFirst, 0)});
  session.handle(ErrorCode::NONE, 77, {kFirst}, false, 0);
  session.build({ask(kFirst, 1)});
  EXPECT_FALSE(session.handle(ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0, {}, false, 0));
  auto request = session.build({ask(kFirst, 1)});
  EXPECT_EQ(request.session_id, 77);  // the broker closes the old one
  EXPECT_EQ(request.session_epoch, 0);
  EXPECT_EQ(request.to_send.size(), 1U);
  session.handle(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, {}, false, 0);
  EXPECT_EQ(session.build({ask(kFirst, 1)}).session_id, 0);
  session.handle(ErrorCode::NONE, 78, {kFirst}, false, 0);
  session.handle_failure();
  request = session.build({ask(kFirst, 1)});
  EXPECT_EQ(request.session_id, 78);
  EXPECT_EQ(request.session_epoch, 0);
}

TEST(ClientFetchSession, answers_about_other_partitions_are_not_used) {
  FetchSession session;
  session.build({ask(kFirst, 0)});
  EXPECT_FALSE(session.handle(ErrorCode::NONE, 77, {kFirst, kSecond}, false, 0));
  session.build({ask(kFirst, 0), ask(kSecond, 0)});
  EXPECT_FALSE(session.handle(ErrorCode::NONE, 77, {kFirst}, false, 0));
  session.build({ask(kFirst, 0)});
  EXPECT_FALSE(session.handle(ErrorCode::NONE, 77, {}, false, 50));  // throttled
  EXPECT_TRUE(session.is_full_next());
  session.build({ask(kFirst, 0)});
  EXPECT_TRUE(session.handle(ErrorCode::NONE, 77, {kFirst}, false, 0));
  session.build({ask(kFirst, 0)});
  EXPECT_FALSE(session.handle(ErrorCode::NONE, 77, {kSecond}, false, 0));
}

TEST(ClientFetchSession, without_a_slot_every_request_is_full) {
  FetchSession session;
  session.build({ask(kFirst, 0)});
  EXPECT_TRUE(session.handle(ErrorCode::NONE, 0, {kFirst}, false, 0));
  EXPECT_EQ(session.build({ask(kFirst, 0)}).to_send.size(), 1U);
  EXPECT_FALSE(session.build_close());
  session.handle(ErrorCode::NONE, 5, {kFirst}, false, 0);
  EXPECT_EQ(session.build_close()->session_epoch, -1);
}

}  // namespace
}  // namespace ksim::client
