#include "core/broker/directory_assignments.h"

#include <gtest/gtest.h>

namespace ksim::broker {
namespace {

TEST(DirectoryAssignments, AreSortedByDirectoryAndTopic) {
  const Uuid here{1, 1};
  const Uuid there{2, 2};
  const Uuid orders{3, 3};
  const Uuid payments{4, 4};
  wire::Arena arena;
  const auto request = assignment_request(
      {{{orders, 0}, here}, {{orders, 1}, there}, {{orders, 2}, here}, {{payments, 0}, there}}, 5, 6, arena);
  EXPECT_EQ(request.broker_id, 5);
  EXPECT_EQ(request.broker_epoch, 6);
  ASSERT_EQ(request.directories.size(), 2U);
  EXPECT_EQ(request.directories[0].id, here);
  ASSERT_EQ(request.directories[0].topics.size(), 1U);
  ASSERT_EQ(request.directories[0].topics[0].partitions.size(), 2U);
  EXPECT_EQ(request.directories[0].topics[0].partitions[1].partition_index, 2);
  ASSERT_EQ(request.directories[1].topics.size(), 2U);
  EXPECT_EQ(request.directories[1].topics[1].topic_id, payments);
}

}  // namespace
}  // namespace ksim::broker
