#include "core/http/server.h"

#include <gtest/gtest.h>

#include "core/io/linux/linux_env.h"

namespace ksim::http {
namespace {

class HttpServer : public testing::Test {
 protected:
  // What the server says to `request` until it closes, or until it has said as much as `until`.
  std::string exchange(const std::string& request, const std::string& until = "") {
    std::string heard;
    LinuxOptions options;
    options.file_threads = 1;
    LinuxNode::create(std::move(options)).value()->run([&](Env& env) {
      ServerConfig config;
      config.bind = {"127.0.0.1", 0};
      config.max_request_bytes = 1000;
      Server server(env, config, [](const Request& asked) {
        Answer answer;
        answer.body = "path=" + std::string(asked.path) + " query=" + std::string(asked.query);
        return answer;
      });
      ASSERT_TRUE(server.start().ok());
      const auto connection = env.network.connect(server.local(), "test", env.after(seconds(10))).value();
      const Bytes bytes{reinterpret_cast<const uint8_t*>(request.data()), request.size()};
      EXPECT_TRUE(write_all(*connection, bytes, env.after(seconds(10))).ok());
      ByteBuffer part(4096);
      while (until.empty() || heard.find(until) == std::string::npos) {
        const IoResult<size_t> count = connection->read_some(part, env.after(seconds(10)));
        if (!count.ok() || *count == 0) break;
        heard.append(reinterpret_cast<const char*>(part.data()), *count);
      }
      server.stop();
    });
    return heard;
  }
};

TEST_F(HttpServer, AnswersOneAfterTheOther) {
  const std::string heard = exchange(
      "GET /metrics?name=x HTTP/1.1\r\nHost: a\r\n\r\n"
      "HEAD /live HTTP/1.1\r\n\r\nGET /ready HTTP/1.1\r\nconnection: Close\r\n\r\n");
  EXPECT_EQ(heard.rfind("HTTP/1.1 200 OK\r\n", 0), 0U) << heard;
  EXPECT_NE(heard.find("\r\n\r\npath=/metrics query=name=x"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("path=/live"), std::string::npos) << heard;
  EXPECT_NE(heard.find("Content-Length: 18\r\nConnection: close\r\n\r\npath=/ready query="),
            std::string::npos)
      << heard;
}

TEST_F(HttpServer, RefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").rfind("HTTP/1.1 405 ", 0), 0U);
  EXPECT_EQ(exchange("hello\r\n\r\n").rfind("HTTP/1.1 400 ", 0), 0U);
  EXPECT_EQ(exchange("GET /" + std::string(2000, 'x')).rfind("HTTP/1.1 431 ", 0), 0U);
}

TEST_F(HttpServer, OlderClientsAreServedOnce) {
  const std::string heard = exchange("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(heard.find("HTTP/1.1"), heard.rfind("HTTP/1.1")) << heard;
}

}  // namespace
}  // namespace ksim::http
