#include "core/raft/harness/cluster.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/harness/print.h"

namespace ksim::raft {

std::string describe(const Flight& flight) {
  const std::string what = std::visit([](const auto& message) { return describe(message); }, flight.what);
  return fmt::format("{}->{} {}", flight.from, flight.to, what);
}

void Cluster::add(NodeConfig config) {
  const int32_t id = config.local.id;
  replicas_[id] = std::make_unique<Replica>(std::move(config));
}

Replica& Cluster::replica(int32_t id) {
  const auto it = replicas_.find(id);
  ENSURE_F(it != replicas_.end(), "no node {}", id);
  return *it->second;
}

void Cluster::note(int32_t id, const std::string& text) {
  if (log_ != nullptr) *log_ += fmt::format("{} {}\n", id, text);
}

void Cluster::start(int32_t id) {
  ++incarnations_[id];
  replica(id).start(draw(id));
  drain(id);
}

void Cluster::crash(int32_t id) {
  replica(id).crash();
  std::erase_if(tickets_, [&](const auto& entry) { return entry.first.first == id; });
}

void Cluster::lose_power(int32_t id, size_t keep) {
  crash(id);
  replica(id).lose_power(keep);
}

void Cluster::step(int32_t id, Input input) {
  replica(id).step(std::move(input), draw(id));
  drain(id);
}

void Cluster::advance(int32_t id, Duration by) {
  Replica& node = replica(id);
  const Instant target = node.now + by;
  while (node.running() && node.node().next_deadline() < target) {
    node.now = std::max(node.now, node.node().next_deadline());
    step(id, Tick{});
  }
  node.now = target;
  if (node.running()) step(id, Tick{});
}

void Cluster::advance_to_deadline(int32_t id) {
  Replica& node = replica(id);
  if (!node.running() || node.node().next_deadline().is_never()) return;
  node.now = std::max(node.now, node.node().next_deadline());
  step(id, Tick{});
}

bool Cluster::disk(int32_t id) {
  Replica& node = replica(id);
  if (!node.running()) return false;
  if (node.disk_op_unacknowledged()) {
    node.acknowledge_disk_op(draw(id));
    drain(id);
    return true;
  }
  const std::string done = node.perform_disk_op();
  if (done.empty()) return false;
  note(id, done);
  checker_.disk_changed(node);
  return true;
}

// Lets out whatever may leave, and performs disk operations while that is automatic.
void Cluster::drain(int32_t id) {
  Replica& node = replica(id);
  checker_.stepped(node, replicas_);
  for (;;) {
    while (auto outward = node.take_ready()) release(node, std::move(*outward));
    if (!auto_disk) return;
    if (!node.disk_op_unacknowledged()) {
      const std::string done = node.perform_disk_op();
      if (done.empty()) return;
      note(id, done);
      checker_.disk_changed(node);
    }
    node.acknowledge_disk_op(draw(id));
    checker_.stepped(node, replicas_);
  }
}

void Cluster::release(Replica& node, Outward outward) {
  note(node.id(), describe(outward));
  if (auto* send = std::get_if<SendRequest>(&outward)) {
    // As on the wire before Fetch v18.
    if (auto* fetch = std::get_if<FetchRequest>(&send->request)) fetch->high_watermark.reset();
    Flight flight{
        0, node.id(), send->peer, send->correlation, incarnations_[node.id()], std::move(send->request)};
    flights_.push_back(renumbered(std::move(flight)));
  } else if (auto* reply = std::get_if<SendReply>(&outward)) {
    checker_.replied(node, reply->response);
    const auto it = tickets_.find({node.id(), reply->ticket});
    if (it == tickets_.end()) return;
    const Ticket ticket = it->second;
    tickets_.erase(it);
    fill(node, reply->response);
    Flight flight{
        0, node.id(), ticket.asker, ticket.correlation, ticket.incarnation, std::move(reply->response)};
    flights_.push_back(renumbered(std::move(flight)));
  }
}

void Cluster::fill(Replica& node, Response& response) const {
  if (auto* fetch = std::get_if<FetchResponse>(&response)) {
    if (!fetch->read) return;
    // As a driver must: by now this may no longer be the log the answer was made for.
    if (!node.node().is_leader() || node.node().epoch() != fetch->leader_epoch) {
      fetch->error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
      return;
    }
    fetch->records = node.read(*fetch->read);
  } else if (auto* chunk = std::get_if<FetchSnapshotResponse>(&response)) {
    if (!chunk->read) return;
    const std::string bytes = node.read_snapshot(*chunk->read);
    if (bytes.empty()) {
      chunk->error = ErrorCode::SNAPSHOT_NOT_FOUND;
      return;
    }
    chunk->owner = Buffer::copy_of(as_bytes(bytes));
    chunk->bytes = chunk->owner.view();
  }
}

Flight Cluster::renumbered(Flight flight) {
  flight.number = ++last_flight_;
  return flight;
}

void Cluster::deliver(size_t index) {
  Flight flight = std::move(flights_[index]);
  flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(index));
  Replica& to = replica(flight.to);
  if (!to.running()) return;
  if (log_ != nullptr) *log_ += fmt::format("{} <- {}\n", flight.to, describe(flight));
  if (auto* request = std::get_if<Request>(&flight.what)) {
    const uint64_t ticket = ++last_ticket_;
    tickets_[{flight.to, ticket}] = Ticket{flight.from, flight.correlation, flight.incarnation};
    step(flight.to, RequestIn{ticket, std::move(*request)});
  } else if (flight.incarnation == incarnations_[flight.to]) {
    step(flight.to, ResponseIn{flight.from, flight.correlation, std::move(std::get<Response>(flight.what))});
  }
}

void Cluster::drop(size_t index) { flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(index)); }

}  // namespace ksim::raft
