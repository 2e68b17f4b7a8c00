#include "core/broker/handlers/handlers.h"
#include "core/wire/messages/alter_configs.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/delete_topics.h"
#include "core/wire/messages/describe_quorum.h"
#include "core/wire/messages/elect_leaders.h"
#include "core/wire/messages/incremental_alter_configs.h"
#include "core/wire/messages/unregister_broker.h"
#include "core/wire/messages/update_features.h"

namespace ksim::broker {
namespace {

template <class T, class Handler>
void serve(BrokerContext& context, rpc::HandlerTable& table, Handler handler) {
  table.on<T>([&context, handler](const T& request, IncomingRequest& incoming, ResponseSlot slot) {
    handler(context, request, incoming, std::move(slot));
  });
}

template <class T>
void forward(BrokerContext& context, rpc::HandlerTable& table) {
  table.on<T>([&context](const T&, IncomingRequest& incoming, ResponseSlot slot) {
    forward_to_controller(context, incoming, std::move(slot));
  });
}

}  // namespace

void register_handlers(BrokerContext& context, rpc::HandlerTable& table) {
  table.on<wire::ApiVersionsRequest>([&context, &table](const wire::ApiVersionsRequest& request,
                                                        IncomingRequest& incoming, ResponseSlot slot) {
    handle_api_versions(context, table, request, incoming, std::move(slot));
  });
  serve<wire::ProduceRequest>(context, table, handle_produce);
  serve<wire::FetchRequest>(context, table, handle_fetch);
  serve<wire::ListOffsetsRequest>(context, table, handle_list_offsets);
  serve<wire::OffsetForLeaderEpochRequest>(context, table, handle_offset_for_leader_epoch);
  serve<wire::DeleteRecordsRequest>(context, table, handle_delete_records);
  serve<wire::MetadataRequest>(context, table, handle_metadata);
  serve<wire::DescribeClusterRequest>(context, table, handle_describe_cluster);
  serve<wire::DescribeConfigsRequest>(context, table, handle_describe_configs);
  serve<wire::DescribeLogDirsRequest>(context, table, handle_describe_log_dirs);
  serve<wire::DescribeTopicPartitionsRequest>(context, table, handle_describe_topic_partitions);
  serve<wire::FindCoordinatorRequest>(context, table, handle_find_coordinator);
  serve<wire::InitProducerIdRequest>(context, table, handle_init_producer_id);
  forward<wire::CreateTopicsRequest>(context, table);
  forward<wire::DeleteTopicsRequest>(context, table);
  forward<wire::CreatePartitionsRequest>(context, table);
  forward<wire::ElectLeadersRequest>(context, table);
  forward<wire::AlterConfigsRequest>(context, table);
  forward<wire::IncrementalAlterConfigsRequest>(context, table);
  forward<wire::UpdateFeaturesRequest>(context, table);
  forward<wire::UnregisterBrokerRequest>(context, table);
  forward<wire::DescribeQuorumRequest>(context, table);
}

}  // namespace ksim::broker
