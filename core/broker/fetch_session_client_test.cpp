#include "core/broker/fetch_session_client.h"

#include <gtest/gtest.h>

namespace ksim::broker {
namespace {

FetchKey key(int32_t partition) { return {kZeroUuid, "orders", partition}; }

std::vector<int32_t> asked(const FetchSessionClient::Request& request) {
  std::vector<int32_t> partitions;
  for (const FetchItem& item : request.items) partitions.push_back(item.key.partition);
  return partitions;
}

TEST(FetchSessionClient, ARequestBeginsBehindWhoBroughtRecordsLast) {
  const std::map<FetchKey, FetchAsk> wanted = {{key(0), {}}, {key(1), {}}, {key(2), {}}};
  FetchSessionClient client;
  EXPECT_EQ(asked(client.next(wanted)), (std::vector<int32_t>{0, 1, 2}));
  client.lost();
  EXPECT_EQ(asked(client.next(wanted, key(0))), (std::vector<int32_t>{1, 2, 0}));
  client.lost();
  EXPECT_EQ(asked(client.next(wanted, key(2))), (std::vector<int32_t>{0, 1, 2}));
  client.lost();
  EXPECT_EQ(asked(client.next(wanted, key(7))), (std::vector<int32_t>{0, 1, 2}))
      << "it is not followed any more";
}

}  // namespace
}  // namespace ksim::broker
