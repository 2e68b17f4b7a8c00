#pragma once
// Answers of a controller that decided nothing: not the active one, or not any more.

#include "core/metadata/controller.h"
#include "core/wire/messages/assign_replicas_to_dirs.h"

namespace ksim {

// Every part of the response carries the error, in the way its API has for it.
void set_error(wire::BrokerRegistrationResponse& response, ErrorCode code);
void set_error(wire::BrokerHeartbeatResponse& response, ErrorCode code);
void set_error(wire::UnregisterBrokerResponse& response, ErrorCode code);
void set_error(wire::ControllerRegistrationResponse& response, ErrorCode code);
void set_error(wire::AllocateProducerIdsResponse& response, ErrorCode code);
void set_error(wire::AssignReplicasToDirsResponse& response, ErrorCode code);
void set_error(wire::AlterPartitionResponse& response, ErrorCode code);
void set_error(wire::ElectLeadersResponse& response, ErrorCode code);
void set_error(wire::UpdateFeaturesResponse& response, ErrorCode code);
void set_error(wire::CreateTopicsResponse& response, ErrorCode code);
void set_error(wire::CreatePartitionsResponse& response, ErrorCode code);
void set_error(wire::DeleteTopicsResponse& response, ErrorCode code);
void set_error(wire::IncrementalAlterConfigsResponse& response, ErrorCode code);
void set_error(wire::AlterConfigsResponse& response, ErrorCode code);

// Room for an answer to each part of the request, for those APIs that have no error of the whole. The strings
// are views of the request.
template <class Request, class Response>
void make_room(const Request&, ControllerReply<Response>&) {}
void make_room(const wire::CreateTopicsRequest& request, ControllerReply<wire::CreateTopicsResponse>& reply);
void make_room(const wire::CreatePartitionsRequest& request,
               ControllerReply<wire::CreatePartitionsResponse>& reply);
void make_room(const wire::DeleteTopicsRequest& request, ControllerReply<wire::DeleteTopicsResponse>& reply);
void make_room(const wire::IncrementalAlterConfigsRequest& request,
               ControllerReply<wire::IncrementalAlterConfigsResponse>& reply);
void make_room(const wire::AlterConfigsRequest& request, ControllerReply<wire::AlterConfigsResponse>& reply);

}  // namespace ksim
