#include "sim/disk/device.h"

#include <algorithm>

namespace ksim::sim {

DiskProfile DiskProfile::ssd() {
  DiskProfile profile;
  profile.sync = {{{{500'000, 120'000}, {950'000, 400'000}, {995'000, 3'000'000}, {1'000'000, 40'000'000}}}};
  profile.read = {{{{500'000, 90'000}, {950'000, 300'000}, {995'000, 2'000'000}, {1'000'000, 20'000'000}}}};
  profile.names = {{{{900'000, 60'000}, {990'000, 1'000'000}, {1'000'000, 20'000'000}}}};
  return profile;
}

DiskProfile DiskProfile::cloud() {
  DiskProfile profile;
  profile.sync = {
      {{{500'000, 900'000}, {950'000, 2'500'000}, {998'000, 15'000'000}, {1'000'000, 250'000'000}}}};
  profile.read = {
      {{{500'000, 600'000}, {950'000, 1'800'000}, {998'000, 10'000'000}, {1'000'000, 120'000'000}}}};
  profile.names = {{{{900'000, 300'000}, {990'000, 3'000'000}, {1'000'000, 80'000'000}}}};
  profile.bytes_per_second = 250'000'000;
  return profile;
}

DiskProfile DiskProfile::spinning() {
  DiskProfile profile;
  profile.sync = {{{{500'000, 8'000'000}, {950'000, 20'000'000}, {1'000'000, 200'000'000}}}};
  profile.read = {{{{500'000, 6'000'000}, {950'000, 15'000'000}, {1'000'000, 100'000'000}}}};
  profile.names = {{{{900'000, 2'000'000}, {1'000'000, 60'000'000}}}};
  profile.bytes_per_second = 120'000'000;
  return profile;
}

DiskProfile DiskProfile::instant() {
  DiskProfile profile;
  profile.sync.points[0] = profile.read.points[0] = profile.names.points[0] = {1'000'000, 0};
  profile.cold_read_per_mille = profile.slow_write_per_mille = profile.slow_names_per_mille = 0;
  profile.bytes_per_second = 0;
  return profile;
}

std::optional<DiskProfile> DiskProfile::named(std::string_view name) {
  if (name == "none") return instant();
  if (name == "ssd") return ssd();
  if (name == "cloud") return cloud();
  if (name == "spinning") return spinning();
  return std::nullopt;
}

Device::InFlight::InFlight(Device& device, Fiber& fiber) : device_(device), fiber_(fiber) {
  next_ = device.first_;
  if (next_ != nullptr) next_->previous_ = this;
  device.first_ = this;
}

Device::InFlight::~InFlight() {
  device_.ground_.scheduler.cancel_timer(*this);
  (previous_ == nullptr ? device_.first_ : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void Device::InFlight::fire() { device_.ground_.scheduler.wake(fiber_); }

void DiskTrouble::worsen(const DiskTrouble& other) {
  stalled_until = std::max(stalled_until, other.stalled_until);
  slow_per_mille = std::max(slow_per_mille, other.slow_per_mille);
  capacity_bytes = std::min(capacity_bytes, other.capacity_bytes);
  bytes_per_second = std::min(bytes_per_second, other.bytes_per_second);
  failing.insert(failing.end(), other.failing.begin(), other.failing.end());
}

uint64_t Device::add_trouble(DiskTrouble trouble) {
  const DiskTrouble before = this->trouble();
  const uint64_t number = troubles_.add(std::move(trouble));
  go_on_from(before);
  return number;
}

void Device::remove_trouble(uint64_t number) {
  const DiskTrouble before = trouble();
  troubles_.remove(number);
  go_on_from(before);
}

// What is under way has done its part so far, and does the rest at the speed that there is now.
void Device::go_on_from(const DiskTrouble& before) {
  const Instant now = ground_.now();
  const auto rest = [now](Instant until, int64_t took_ns, int64_t takes_ns) {
    __extension__ using Wide = __int128;
    if (until <= now || took_ns == 0) return until;
    return now + nanoseconds(static_cast<int64_t>(Wide{(until - now).ns} * takes_ns / took_ns));
  };
  const Service transfer{0, 1 << 20};  // of which the queue is made
  const int64_t took_ns = duration_ns(transfer, before);
  const int64_t takes_ns = duration_ns(transfer, trouble());
  busy_until_ = rest(busy_until_, took_ns, takes_ns);
  for (InFlight* it = first_; it != nullptr; it = it->next_) {
    const int64_t all_ns = duration_ns(it->service_, trouble());
    if (it->start_ > now) {
      it->start_ = rest(it->start_, took_ns, takes_ns);
      it->finish_ = it->start_ + nanoseconds(all_ns);
    } else {
      it->finish_ = rest(it->finish_, duration_ns(it->service_, before), all_ns);
    }
    ground_.scheduler.wake(it->fiber_);
  }
}

uint64_t Device::capacity_bytes() const {
  return std::min(profile_.capacity_bytes, trouble().capacity_bytes);
}

uint64_t Device::free_bytes() const {
  const uint64_t capacity = capacity_bytes();
  const uint64_t used = image_.used_bytes();
  return used >= capacity ? 0 : capacity - used;
}

DiskToll Device::toll() const {
  DiskToll toll = toll_;
  for (const InFlight* it = first_; it != nullptr; it = it->next_) {
    if (!it->began_.is_never()) toll.waited_ns += (ground_.now() - it->began_).ns;
  }
  return toll;
}

bool Device::fails(DiskCall call, std::string_view path, uint64_t offset, uint64_t bytes) {
  if (call == DiskCall::sync && failing_syncs_ > 0) {
    ++toll_.failed;
    return failing_syncs_-- > 0;
  }
  for (const DiskTrouble::Failing& failing : trouble().failing) {
    const bool kind = call == DiskCall::read    ? failing.reads
                      : call == DiskCall::write ? failing.writes
                      : call == DiskCall::sync  ? failing.syncs
                                                : failing.writes;
    const uint64_t end = bytes > ~0ULL - offset ? ~0ULL : offset + bytes;
    const bool there = offset < failing.to && failing.from < end;
    if (kind && there && path.find(failing.path_part) != std::string_view::npos) {
      ++toll_.failed;
      return true;
    }
  }
  return false;
}

int64_t Device::duration_ns(const Service& service, const DiskTrouble& trouble) const {
  const uint64_t own = profile_.bytes_per_second;  // 0: it takes no time
  const uint64_t troubled = trouble.bytes_per_second;
  int64_t ns = service.latency_ns;
  if (troubled < (own == 0 ? ~0ULL : own)) {
    ns += static_cast<int64_t>(service.bytes * 1'000'000 / troubled * 1'000);
  } else if (own != 0) {
    ns += static_cast<int64_t>(service.bytes * 1'000 / (own / 1'000'000 + 1));
  }
  return scale_per_mille(ns, trouble.slow_per_mille);
}

std::optional<Device::Service> Device::service(DiskCall call, uint64_t key, uint64_t n,
                                               uint64_t bytes) const {
  const uint64_t bits = ground_.random.draw(SimStream::disk_latency, key, n);
  const LatencyTable* table = nullptr;
  uint32_t chance = 1000;
  switch (call) {
    case DiskCall::read:
      table = &profile_.read;
      chance = profile_.cold_read_per_mille;
      break;
    case DiskCall::write:
      table = &profile_.names;
      chance = profile_.slow_write_per_mille;
      break;
    case DiskCall::sync:
      table = &profile_.sync;
      break;
    case DiskCall::names:
      table = &profile_.names;
      chance = profile_.slow_names_per_mille;
      break;
  }
  // A device in trouble is met more often: its queue is full and its cache no longer hides it.
  const bool stalled = ground_.now() < trouble().stalled_until;
  if (stalled && call != DiskCall::read) chance = 1000;
  if (trouble().slow_per_mille > 1000 || trouble().bytes_per_second != ~0ULL)
    chance = std::min<uint32_t>(1000, chance * 4);
  if (below(bits, 1000) >= chance) return std::nullopt;
  const Service service{table->sample_ns(mix64(bits, n)), bytes};
  if (!stalled && duration_ns(service, trouble()) == 0) return std::nullopt;
  return service;
}

bool Device::wait(Life& life, InFlight& operation, const Service& service) {
  operation.began_ = operation.start_ = ground_.now();
  // One device: transfers queue behind one another, the rest of their times overlaps.
  if (const int64_t transfer_ns = duration_ns({0, service.bytes}, trouble()); transfer_ns > 0) {
    operation.start_ = std::max(operation.start_, busy_until_);
    busy_until_ = operation.start_ + nanoseconds(transfer_ns);
  }
  operation.service_ = service;
  operation.finish_ = operation.start_ + nanoseconds(duration_ns(service, trouble()));
  ++toll_.waits;
  for (;;) {
    const Instant until = std::max(operation.finish_, trouble().stalled_until);
    if (ground_.now() >= until) {
      toll_.waited_ns += (ground_.now() - operation.began_).ns;
      operation.began_ = Instant::never();
      return true;
    }
    ground_.scheduler.cancel_timer(operation);
    ground_.scheduler.add_timer(operation, until, ground_.policy.tie(operation.fiber_.key()));
    static_cast<void>(ground_.scheduler.park_uncancellable(Instant::never(), "disk"));
    if (!life.alive()) return life.enter();
  }
}

void Device::process_died(uint64_t life_key) {
  std::vector<InFlight*> writes;
  for (InFlight* it = first_; it != nullptr; it = it->next_) {
    if (it->file != nullptr) writes.push_back(it);
  }
  for (InFlight* write : writes) {
    const uint64_t bits = ground_.random.draw(SimStream::disk_torn_write, mix64(life_key, write->file->key),
                                              write->file->operations);
    // The kernel copies page by page and a killed process leaves between two pages.
    const uint64_t pages = write->size_bytes / kPageBytes + 1;
    uint64_t n = std::min(write->size_bytes, below(bits, pages + 1) * kPageBytes);
    if (write->file->content.cost_of(write->offset, n) > free_bytes()) n = 0;
    image_.write(*write->file, write->offset, write->from, n);
    write->file = nullptr;
  }
}

void Device::power_lost(uint64_t occasion) {
  image_.power_loss(ground_.random, occasion);
  busy_until_ = Instant{0};
}

}  // namespace ksim::sim
