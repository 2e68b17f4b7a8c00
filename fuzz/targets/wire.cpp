// Every message at every version, and the headers in front of them: what decodes is written and read again as the
// same, and takes no more memory than a decoder is allowed.

#include "core/wire/api_table.h"
#include "core/wire/fill.h"
#include "core/wire/header.h"
#include "core/wire/reader.h"
#include "core/wire/reflect.h"
#include "core/wire/writer.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

// An input: number of the message and of its version, two bytes and one, then the message.
constexpr size_t kPrefixBytes = 3;
constexpr size_t kArenaBytes = 1 << 20;
// Behind the messages: the headers.
enum HeaderKind : size_t { request_header, response_header, flexible_response_header, header_count };

struct Chosen {
  const wire::MessageInfo* message = nullptr;  // null: a header
  int16_t version = 0;
  HeaderKind header = request_header;
};

Chosen choose(Bytes prefix) {
  const auto messages = wire::all_messages();
  const size_t number = load_be<uint16_t>(prefix.data()) % (messages.size() + header_count);
  if (number >= messages.size()) return {nullptr, 0, static_cast<HeaderKind>(number - messages.size())};
  const wire::MessageInfo& message = *messages[number];
  const int versions = message.highest - message.lowest + 1;
  return {&message, static_cast<int16_t>(message.lowest + prefix[2] % versions), request_header};
}

wire::DecodeLimits limits() {
  wire::DecodeLimits limits;
  limits.max_arena_bytes = kArenaBytes;
  return limits;
}

void check_message(const wire::MessageInfo& message, int16_t version, Bytes bytes) {
  wire::Arena arena;
  void* const decoded = message.ops->make(arena);
  const size_t before = arena.used_bytes();
  wire::Reader reader(bytes, arena, limits());
  const Result<void> result = message.ops->decode(reader, decoded, version);
  must(arena.used_bytes() - before <= kArenaBytes, "a decoder takes more memory than it may");
  if (!result.ok()) {
    must(result.error().code == ErrorCode::INVALID_REQUEST, "an error of another kind");
    must(result.error().message.find(message.name) == 0, "an error without the message's name");
    return;
  }
  must(!wire::to_json(*message.structure, decoded, version).empty(), "no text of a message");
  wire::Writer writer;
  message.ops->encode(writer, decoded, version);
  must(writer.ok(), "what was read cannot be written");
  wire::Arena again_arena;
  void* const again = message.ops->make(again_arena);
  wire::Reader second(writer.bytes(), again_arena);
  must(message.ops->decode(second, again, version).ok(), "what was written cannot be read");
  must(second.remaining() == 0, "bytes are left of what was written");
  must(wire::equal(*message.structure, decoded, again), "what was read comes back as something else");
}

void check_request_header(Bytes bytes) {
  wire::Arena arena;
  wire::Reader reader(bytes, arena, limits());
  wire::RequestHeader header;
  if (!wire::decode(reader, header).ok()) return;
  const wire::ApiInfo* const api = wire::find_api(header.api_key);
  must(api != nullptr, "the header of an api that does not exist");
  if (!api->supports(header.api_version)) return;
  wire::Writer writer;
  wire::encode(writer, header, api->flexible_request_header(header.api_version));
  must(writer.ok(), "a header that was read cannot be written");
  wire::Reader second(writer.bytes(), arena, limits());
  wire::RequestHeader again;
  must(wire::decode(second, again).ok() && second.remaining() == 0, "a header that was written cannot be read");
  must(again.api_key == header.api_key && again.api_version == header.api_version &&
           again.correlation_id == header.correlation_id && again.client_id == header.client_id,
       "a header comes back as another one");
}

void check_response_header(Bytes bytes, bool flexible) {
  wire::Arena arena;
  wire::Reader reader(bytes, arena, limits());
  wire::ResponseHeader header;
  if (!wire::decode(reader, header, flexible).ok()) return;
  wire::Writer writer;
  wire::encode(writer, header, flexible);
  wire::Reader second(writer.bytes(), arena, limits());
  wire::ResponseHeader again;
  must(wire::decode(second, again, flexible).ok() && again.correlation_id == header.correlation_id,
       "a header comes back as another one");
}

ByteBuffer input_of(size_t number, size_t version_index, Bytes body) {
  ByteBuffer input;
  input.reserve(kPrefixBytes + body.size());
  for (const size_t byte : {number >> 8, number, version_index}) input.push_back(static_cast<uint8_t>(byte));
  input.insert(input.end(), body.begin(), body.end());
  return input;
}

class WireTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 2048;
    bounds.allocation_mib = 4;
    bounds.seconds = 2;
    bounds.smoke_mutations = 3000;
    return bounds;
  }

  void run(Bytes input) override {
    if (input.size() < kPrefixBytes) return;
    const Chosen chosen = choose(input);
    const Bytes body = input.subspan(kPrefixBytes);
    if (chosen.message != nullptr) return check_message(*chosen.message, chosen.version, body);
    if (chosen.header == request_header) return check_request_header(body);
    check_response_header(body, chosen.header == flexible_response_header);
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    const auto messages = wire::all_messages();
    for (size_t number = 0; number < messages.size(); ++number) {
      const wire::MessageInfo& message = *messages[number];
      for (int16_t version = message.lowest; version <= message.highest; ++version) {
        wire::Arena arena;
        void* const object = message.ops->make(arena);
        wire::fill(message, object, version, arena, {wire::FillRule::Variant::mixed, 1});
        wire::Writer writer;
        message.ops->encode(writer, object, version);
        must(writer.ok(), "a filled message cannot be written");
        inputs.push_back(input_of(number, static_cast<size_t>(version - message.lowest), writer.bytes()));
      }
    }
    for (const wire::ApiInfo& api : wire::api_table()) {
      wire::Writer writer;
      const wire::RequestHeader header{static_cast<int16_t>(api.key), api.highest, 7, "client"};
      wire::encode(writer, header, api.flexible_request_header(api.highest));
      inputs.push_back(input_of(messages.size() + request_header, 0, writer.bytes()));
    }
    for (const bool flexible : {false, true}) {
      wire::Writer writer;
      wire::encode(writer, wire::ResponseHeader{9}, flexible);
      inputs.push_back(
          input_of(messages.size() + (flexible ? flexible_response_header : response_header), 0, writer.bytes()));
    }
    return inputs;
  }

  // Another version of the same message, where both can carry it, or other bytes of it.
  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    if (input.size() < kPrefixBytes || mutation.one_in(40)) return mutation.bytes(input, most);
    const Chosen chosen = choose(input);
    ByteBuffer body(input.begin() + kPrefixBytes, input.end());
    if (chosen.message != nullptr && mutation.one_in(8)) {
      input[2] = static_cast<uint8_t>(mutation.next());
      const Chosen other = choose(input);
      wire::Arena arena;
      void* const decoded = chosen.message->ops->make(arena);
      wire::Reader reader(body, arena, limits());
      wire::Writer writer;
      if (chosen.message->ops->decode(reader, decoded, chosen.version).ok())
        chosen.message->ops->encode(writer, decoded, other.version);
      if (writer.ok() && writer.size() > 0) body = to_buffer(writer.bytes());
    } else {
      mutation.bytes(body, most - kPrefixBytes);
    }
    if (body.size() > most - kPrefixBytes) body.resize(most - kPrefixBytes);
    input.resize(kPrefixBytes);
    input.insert(input.end(), body.begin(), body.end());
  }
};

}  // namespace

std::unique_ptr<FuzzTarget> make_wire_target() { return std::make_unique<WireTarget>(); }

}  // namespace ksim::fuzz
