#include "core/metadata/controller_replies.h"

#include "core/metadata/controller_op.h"

namespace ksim {
namespace {

template <class Part>
void set_part(Part& part, ErrorCode code) {
  part.error_code = number(code);
  part.error_message = std::nullopt;
}
template <class Parts>
void set_parts(Parts& parts, ErrorCode code) {
  for (auto& part : parts) set_part(part, code);
}

}  // namespace

void set_error(wire::BrokerRegistrationResponse& response, ErrorCode code) {
  response.error_code = number(code);
  response.broker_epoch = -1;
}
void set_error(wire::BrokerHeartbeatResponse& response, ErrorCode code) {
  response = {};
  response.error_code = number(code);
}
void set_error(wire::AssignReplicasToDirsResponse& response, ErrorCode code) {
  response = {};
  response.error_code = number(code);
}
void set_error(wire::UnregisterBrokerResponse& response, ErrorCode code) { set_part(response, code); }
void set_error(wire::ControllerRegistrationResponse& response, ErrorCode code) { set_part(response, code); }
void set_error(wire::AllocateProducerIdsResponse& response, ErrorCode code) {
  response = {};
  response.error_code = number(code);
}
void set_error(wire::AlterPartitionResponse& response, ErrorCode code) {
  response.error_code = number(code);
  response.topics = {};
}
void set_error(wire::ElectLeadersResponse& response, ErrorCode code) {
  response.error_code = number(code);
  response.replica_election_results = {};
}
void set_error(wire::UpdateFeaturesResponse& response, ErrorCode code) {
  set_part(response, code);
  set_parts(response.results, code);
}
void set_error(wire::CreateTopicsResponse& response, ErrorCode code) {
  for (wire::CreatableTopicResult& topic : response.topics) {
    const std::string_view name = topic.name;
    topic = {};
    topic.name = name;
    set_part(topic, code);
  }
}
void set_error(wire::CreatePartitionsResponse& response, ErrorCode code) {
  set_parts(response.results, code);
}
void set_error(wire::DeleteTopicsResponse& response, ErrorCode code) { set_parts(response.responses, code); }
void set_error(wire::IncrementalAlterConfigsResponse& response, ErrorCode code) {
  set_parts(response.responses, code);
}
void set_error(wire::AlterConfigsResponse& response, ErrorCode code) { set_parts(response.responses, code); }

void make_room(const wire::CreateTopicsRequest& request, ControllerReply<wire::CreateTopicsResponse>& reply) {
  reply.response.topics = reply.arena.make_array<wire::CreatableTopicResult>(request.topics.size());
  for (size_t i = 0; i < request.topics.size(); ++i) reply.response.topics[i].name = request.topics[i].name;
}

void make_room(const wire::CreatePartitionsRequest& request,
               ControllerReply<wire::CreatePartitionsResponse>& reply) {
  reply.response.results = reply.arena.make_array<wire::CreatePartitionsTopicResult>(request.topics.size());
  for (size_t i = 0; i < request.topics.size(); ++i) reply.response.results[i].name = request.topics[i].name;
}

void make_room(const wire::DeleteTopicsRequest& request, ControllerReply<wire::DeleteTopicsResponse>& reply) {
  const size_t count = request.topics.size() + request.topic_names.size();
  reply.response.responses = reply.arena.make_array<wire::DeletableTopicResult>(count);
  for (size_t i = 0; i < request.topics.size(); ++i) {
    reply.response.responses[i].name = request.topics[i].name;
    reply.response.responses[i].topic_id = request.topics[i].topic_id;
  }
  for (size_t i = 0; i < request.topic_names.size(); ++i) {
    reply.response.responses[request.topics.size() + i].name = request.topic_names[i];
  }
}

namespace {

template <class Request, class Response>
void make_config_room(const Request& request, ControllerReply<Response>& reply) {
  using Part = typename decltype(reply.response.responses)::element_type;
  reply.response.responses = reply.arena.template make_array<Part>(request.resources.size());
  for (size_t i = 0; i < request.resources.size(); ++i) {
    reply.response.responses[i].resource_type = request.resources[i].resource_type;
    reply.response.responses[i].resource_name = request.resources[i].resource_name;
  }
}

}  // namespace

void make_room(const wire::IncrementalAlterConfigsRequest& request,
               ControllerReply<wire::IncrementalAlterConfigsResponse>& reply) {
  make_config_room(request, reply);
}
void make_room(const wire::AlterConfigsRequest& request, ControllerReply<wire::AlterConfigsResponse>& reply) {
  make_config_room(request, reply);
}

}  // namespace ksim
