#pragma once
// Request handlers of a broker's listeners, one file an API, and the table that lists them.

#include "core/broker/broker_context.h"
#include "core/rpc/dispatcher.h"
#include "core/rpc/response.h"
#include "core/wire/messages/api_versions.h"
#include "core/wire/messages/delete_records.h"
#include "core/wire/messages/describe_cluster.h"
#include "core/wire/messages/describe_configs.h"
#include "core/wire/messages/describe_log_dirs.h"
#include "core/wire/messages/describe_topic_partitions.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/find_coordinator.h"
#include "core/wire/messages/init_producer_id.h"
#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/metadata.h"
#include "core/wire/messages/offset_for_leader_epoch.h"
#include "core/wire/messages/produce.h"

namespace ksim::broker {

using rpc::IncomingRequest;
using rpc::ResponseSlot;

// Adds every API a broker serves on its own listeners to `table`. Both outlive the connections.
void register_handlers(BrokerContext& context, rpc::HandlerTable& table);

void handle_api_versions(BrokerContext& context, const rpc::Dispatcher& dispatcher,
                         const wire::ApiVersionsRequest& request, IncomingRequest& incoming,
                         ResponseSlot slot);
void handle_delete_records(BrokerContext& context, const wire::DeleteRecordsRequest& request,
                           IncomingRequest& incoming, ResponseSlot slot);
void handle_describe_cluster(BrokerContext& context, const wire::DescribeClusterRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot);
void handle_describe_configs(BrokerContext& context, const wire::DescribeConfigsRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot);
void handle_describe_log_dirs(BrokerContext& context, const wire::DescribeLogDirsRequest& request,
                              IncomingRequest& incoming, ResponseSlot slot);
void handle_describe_topic_partitions(BrokerContext& context,
                                      const wire::DescribeTopicPartitionsRequest& request,
                                      IncomingRequest& incoming, ResponseSlot slot);
void handle_fetch(BrokerContext& context, const wire::FetchRequest& request, IncomingRequest& incoming,
                  ResponseSlot slot);
void handle_find_coordinator(BrokerContext& context, const wire::FindCoordinatorRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot);
void handle_init_producer_id(BrokerContext& context, const wire::InitProducerIdRequest& request,
                             IncomingRequest& incoming, ResponseSlot slot);
void handle_list_offsets(BrokerContext& context, const wire::ListOffsetsRequest& request,
                         IncomingRequest& incoming, ResponseSlot slot);
void handle_metadata(BrokerContext& context, const wire::MetadataRequest& request, IncomingRequest& incoming,
                     ResponseSlot slot);
void handle_offset_for_leader_epoch(BrokerContext& context, const wire::OffsetForLeaderEpochRequest& request,
                                    IncomingRequest& incoming, ResponseSlot slot);
void handle_produce(BrokerContext& context, const wire::ProduceRequest& request, IncomingRequest& incoming,
                    ResponseSlot slot);
// Anything the controller answers: passed on in an Envelope (rule D6).
void forward_to_controller(BrokerContext& context, IncomingRequest& incoming, ResponseSlot slot);

}  // namespace ksim::broker
