#pragma once

#include <string>
#include <vector>

#include "core/wire/gen/schema.h"

namespace ksim::wire::gen {

std::string emit_header(const File& file);
// Encoders and decoders of several files, for one translation unit.
std::string emit_codecs(const std::vector<const File*>& files);
// Their field tables.
std::string emit_tables(const std::vector<const File*>& files);
// List of all messages, and one line KSIM_API(...) an api.
std::string emit_message_list(const std::vector<File>& files);
std::string emit_api_list(const std::vector<File>& files);

// Shared by the emitters.
std::string element_type(const Field& field);   // what an array holds, or the type itself
std::string member_type(const Field& field);    // with span and optional
std::string default_value(const Field& field);  // "" if the member's own default is right
std::string is_set(const Field& field);         // expression: m.field differs from its default
bool is_optional(const Field& field);           // the member is a std::optional
std::string include_line(const File& file);

}  // namespace ksim::wire::gen
