#include "core/apps/kctl/text/json_text.h"

#include <gtest/gtest.h>

namespace ksim::kctl {
namespace {

TEST(JsonText, Base64BothWays) {
  const std::pair<const char*, const char*> pairs[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}};
  for (const auto& [bytes, text] : pairs) {
    EXPECT_EQ(to_base64(as_bytes(bytes)), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const char* bad : {"Z", "Zg=", "Z===", "Zg==Zg==", "Zm9*", "=Zg=", "Zg=v"})
    EXPECT_FALSE(from_base64(bad).has_value()) << bad;
}

TEST(JsonText, KnowsUtf8) {
  for (const char* good :
       {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xb1", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(as_bytes(good))) << good;
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xff", "\xf0\x80\x80\x80", "a\xe2\x82"})
    EXPECT_FALSE(is_utf8(as_bytes(bad))) << bad;
}

TEST(JsonText, BytesInJson) {
  Json json;
  put_bytes(json, "a", std::nullopt);
  put_bytes(json, "b", as_bytes("x\"y"));
  put_bytes(json, "c", as_bytes("\xff"));
  EXPECT_EQ(to_line(json), R"({"a":null,"b":"x\"y","c_base64":"/w=="})");
}

}  // namespace
}  // namespace ksim::kctl
