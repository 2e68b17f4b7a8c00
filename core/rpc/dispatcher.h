#pragma once
// Handlers by api.

#include <map>
#include <memory>

#include "core/rpc/response.h"

namespace ksim::rpc {

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  virtual bool serves(wire::ApiKey key) const = 0;
  // Runs on the reading fiber of the request's connection and may wait: the next request of that connection
  // starts when this returns (rule D1). The message of an api and a version that the table lists.
  virtual void dispatch(IncomingRequest& request, ResponseSlot slot) = 0;
};

// One handler an api: anything callable as handler(const T&, IncomingRequest&, ResponseSlot). The message
// lives no longer than the IncomingRequest; a handler that answers later either copies what it needs or moves
// the whole IncomingRequest away.
class HandlerTable final : public Dispatcher {
 public:
  template <class T, class Handler>
  void on(Handler handler) {
    handlers_[T::kApiKey] = std::make_unique<Typed<T, Handler>>(std::move(handler));
  }
  bool serves(wire::ApiKey key) const override { return handlers_.count(static_cast<int16_t>(key)) > 0; }
  void dispatch(IncomingRequest& request, ResponseSlot slot) override;

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run(IncomingRequest& request, ResponseSlot slot) = 0;
  };
  template <class T, class Handler>
  struct Typed final : Base {
    explicit Typed(Handler h) : handler(std::move(h)) {}
    void run(IncomingRequest& request, ResponseSlot slot) override {
      T message;
      if (Result<void> decoded = request.decode_into(message); !decoded.ok())
        return slot.close_connection(std::move(decoded).error().message);
      handler(message, request, std::move(slot));
    }
    Handler handler;
  };
  std::map<int16_t, std::unique_ptr<Base>> handlers_;
};

}  // namespace ksim::rpc
