#include <set>

#include <gtest/gtest.h>

#include "core/io/conformance/conformance.h"
#include "core/io/scope.h"

namespace ksim::conformance {
namespace {

void send(Env& env, Connection& connection, Bytes bytes) {
  const IoResult<void> sent = write_all(connection, bytes, eventually(env));
  EXPECT_TRUE(sent.ok()) << to_string(sent.error());
}
void send(Env& env, Connection& connection, std::string_view text) { send(env, connection, as_bytes(text)); }
std::string receive(Env& env, Connection& connection, size_t size_bytes) {
  ByteBuffer bytes(size_bytes);
  const IoResult<void> got = read_exactly(connection, bytes, eventually(env));
  return got.ok() ? std::string(as_text(bytes)) : std::string(to_string(got.error()));
}
// Reads until it fails, and says how.
IoError failure_of_reading(Env& env, Connection& connection) {
  IoError error = IoError::ok;
  read_to_end(env, connection, &error);
  return error;
}
IoError read_error(Env& env, Connection& connection, Deadline deadline) {
  static_cast<void>(env);
  ByteBuffer byte(1);
  return error_of(connection.read_some(byte, deadline));
}

Promise bytes_arrive_in_order() {
  const ByteBuffer sent = pattern(300'000);
  return {"bytes_arrive_in_order", connected(
                                       [sent](Env& env, Connection& end) {
                                         const ByteBuffer got = read_to_end(env, end);
                                         EXPECT_TRUE(got == sent);
                                         send(env, end, got);
                                         end.shutdown_write();
                                         EXPECT_TRUE(read_to_end(env, end).empty());
                                       },
                                       [sent](Env& env, Connection& end) {
                                         size_t at = 0;
                                         for (size_t step = 1; at < sent.size(); step = step * 3 + 1) {
                                           const size_t n = std::min(step, sent.size() - at);
                                           send(env, end, Bytes(sent).subspan(at, n));
                                           at += n;
                                         }
                                         end.shutdown_write();
                                         EXPECT_TRUE(read_to_end(env, end) == sent) << "after a half close";
                                       })};
}

Promise spans_are_sent_in_order() {
  return {
      "spans_are_sent_in_order",
      connected([](Env& env, Connection& end) { EXPECT_EQ(as_text(read_to_end(env, end)), "onetwothree"); },
                [](Env& env, Connection& end) {
                  std::vector<Bytes> parts = {as_bytes("one"), {}, as_bytes("two"), as_bytes("three")};
                  while (!parts.empty()) {
                    IoResult<size_t> n = end.write_some(parts, eventually(env));
                    ASSERT_TRUE(n.ok() && *n > 0);
                    while (!parts.empty() && *n >= parts.front().size()) {
                      *n -= parts.front().size();
                      parts.erase(parts.begin());
                    }
                    if (!parts.empty()) parts.front() = parts.front().subspan(*n);
                  }
                  end.close();
                })};
}

Promise end_of_stream_stays() {
  return {"end_of_stream_stays",
          connected(
              [](Env& env, Connection& end) {
                send(env, end, "bye");
                end.shutdown_write();
                EXPECT_EQ(error_of(write_all(end, as_bytes("x"), eventually(env))), IoError::closed)
                    << "a direction that this end has finished";
                EXPECT_FALSE(end.peer_has_ended());
                EXPECT_EQ(receive(env, end, 3), "too");
                const Deadline late = eventually(env);
                while (!end.peer_has_ended() && env.now() < late) env.sleep(milliseconds(1));
                EXPECT_TRUE(end.peer_has_ended()) << "also where nobody reads";
                EXPECT_TRUE(read_to_end(env, end).empty());
              },
              [](Env& env, Connection& end) {
                EXPECT_EQ(receive(env, end, 3), "bye");
                for (int i = 0; i < 3; ++i) {
                  ByteBuffer into(10);
                  EXPECT_EQ(end.read_some(into, eventually(env)).value(), 0U);
                }
                send(env, end, "too");
                end.close();
              })};
}

Promise exact_reads_tell_an_end_from_a_break() {
  return {"exact_reads_tell_an_end_from_a_break",
          connected(
              [](Env& env, Connection& end) {
                EXPECT_EQ(receive(env, end, 2), "ab");
                EXPECT_EQ(receive(env, end, 2), to_string(IoError::reset));
                EXPECT_EQ(receive(env, end, 2), to_string(IoError::closed));
              },
              [](Env& env, Connection& end) {
                send(env, end, "abc");
                end.close();
              })};
}

Promise orderly_close_delivers_what_was_written() {
  const ByteBuffer sent = pattern(200'000);
  return {"orderly_close_delivers_what_was_written", connected(
                                                         [sent](Env& env, Connection& end) {
                                                           env.sleep(milliseconds(5));
                                                           EXPECT_TRUE(read_to_end(env, end) == sent);
                                                         },
                                                         [sent](Env& env, Connection& end) {
                                                           send(env, end, sent);
                                                           end.close();
                                                           EXPECT_EQ(read_error(env, end, eventually(env)),
                                                                     IoError::closed);
                                                           end.close();  // twice is once
                                                         })};
}

Promise orderly_close_delivers_to_a_peer_that_still_talks() {
  return {"orderly_close_delivers_to_a_peer_that_still_talks", [](World& world) {
            size_t written = 0;
            bool closed = false;
            connected(
                [&](Env& env, Connection& end) {
                  while (!closed) env.sleep(milliseconds(1));
                  send(env, end, "nobody reads this");
                  env.sleep(milliseconds(5));
                  EXPECT_EQ(read_to_end(env, end).size(), written);
                },
                [&](Env& env, Connection& end) {
                  const ByteBuffer block(1'000'000);
                  const Bytes from(block);
                  for (;;) {
                    const IoResult<size_t> n = end.write_some(std::span(&from, 1), soon(env));
                    if (!n.ok()) break;
                    written += *n;
                    ASSERT_LT(written, 1'000'000'000U);
                  }
                  end.close();
                  closed = true;
                  env.sleep(milliseconds(50));
                })(world);
          }};
}

Promise abort_resets_the_peer() {
  return {"abort_resets_the_peer",
          connected(
              [](Env& env, Connection& end) {
                EXPECT_EQ(failure_of_reading(env, end), IoError::reset);
                EXPECT_EQ(failure_of_reading(env, end), IoError::reset) << "a reset stays one";
                EXPECT_EQ(error_of(write_all(end, pattern(1000), eventually(env))), IoError::reset);
              },
              [](Env& env, Connection& end) {
                send(env, end, pattern(10'000));  // in flight
                end.abort();
                EXPECT_EQ(error_of(write_all(end, pattern(10), eventually(env))), IoError::closed);
              })};
}

Promise a_writer_meets_the_reset_too() {
  return {"a_writer_meets_the_reset_too",
          connected(
              [](Env& env, Connection& end) {
                IoError error = IoError::ok;
                while (error == IoError::ok) {
                  error = error_of(write_all(end, pattern(1000), eventually(env)));
                }
                EXPECT_EQ(error, IoError::reset);
                EXPECT_EQ(failure_of_reading(env, end), IoError::reset)
                    << "and the reader does not see an orderly end";
              },
              [](Env& env, Connection& end) {
                EXPECT_EQ(receive(env, end, 1).size(), 1U);
                end.abort();
              })};
}

Promise destroying_a_connection_aborts_it() {
  return {
      "destroying_a_connection_aborts_it", [](World& world) {
        uint16_t port = 0;
        world.run({[&](Env& env) {
                     auto listener = env.network.listen({world.host(0), 0}).value().release();
                     const std::unique_ptr<Listener> owner(listener);
                     port = listener->local().port;
                     auto connection = listener->accept(eventually(env));
                     ASSERT_TRUE(connection.ok());
                     EXPECT_EQ(failure_of_reading(env, **connection), IoError::reset);
                   },
                   [&](Env& env) {
                     while (port == 0) env.sleep(milliseconds(1));
                     auto connection = env.network.connect({world.host(0), port}, "test", eventually(env));
                     ASSERT_TRUE(connection.ok());
                     send(env, **connection, "x");
                   }});
      }};
}

Promise reads_give_up_at_the_deadline() {
  return {"reads_give_up_at_the_deadline",
          connected(
              [](Env& env, Connection& end) {
                const Instant start = env.now();
                EXPECT_EQ(read_error(env, end, start + milliseconds(5)), IoError::timed_out);
                EXPECT_GE(env.now(), start + milliseconds(5));
                EXPECT_EQ(read_error(env, end, start), IoError::timed_out) << "a deadline already past";
                send(env, end, "go");
                EXPECT_EQ(receive(env, end, 5), "later") << "the connection is as good as before";
              },
              [](Env& env, Connection& end) {
                EXPECT_EQ(receive(env, end, 2), "go");
                send(env, end, "later");
                EXPECT_TRUE(read_to_end(env, end, nullptr).empty());
              })};
}

Promise writers_wait_for_a_slow_reader() {
  return {"writers_wait_for_a_slow_reader", [](World& world) {
            size_t written = 0;
            bool full = false;
            connected(
                [&](Env& env, Connection& end) {
                  while (!full) env.sleep(milliseconds(5));
                  EXPECT_EQ(read_to_end(env, end).size(), written) << "no byte is lost and none sent twice";
                },
                [&](Env& env, Connection& end) {
                  const ByteBuffer block(1'000'000);
                  const Bytes from(block);
                  for (;;) {
                    const IoResult<size_t> n = end.write_some(std::span(&from, 1), soon(env));
                    if (!n.ok()) {
                      EXPECT_EQ(n.error(), IoError::timed_out);
                      break;
                    }
                    written += *n;
                    ASSERT_LT(written, 1'000'000'000U) << "unbounded buffers between the two";
                  }
                  full = true;
                  end.shutdown_write();
                  EXPECT_TRUE(read_to_end(env, end).empty());
                })(world);
          }};
}

Promise closing_wakes_the_own_reader() {
  return {"closing_wakes_the_own_reader",
          connected(
              [](Env& env, Connection& end) {
                IoError seen = IoError::ok;
                Scope scope(env);
                scope.spawn("reader", [&] { seen = read_error(env, end, Instant::never()); });
                env.sleep(milliseconds(2));
                end.close();
                scope.join();
                EXPECT_EQ(seen, IoError::closed);
              },
              [](Env& env, Connection& end) { EXPECT_TRUE(read_to_end(env, end).empty()); })};
}

Promise aborting_wakes_the_own_writer() {
  return {"aborting_wakes_the_own_writer", [](World& world) {
            bool aborted = false;
            connected(
                [&](Env& env, Connection& end) {
                  IoError seen = IoError::ok;
                  Scope scope(env);
                  scope.spawn("writer", [&] {
                    const ByteBuffer block(1'000'000);
                    while (seen == IoError::ok) seen = error_of(write_all(end, block, Instant::never()));
                  });
                  env.sleep(milliseconds(20));
                  EXPECT_EQ(seen, IoError::ok) << "the peer does not read: this should wait";
                  end.abort();
                  scope.join();
                  EXPECT_EQ(seen, IoError::closed);
                  aborted = true;
                },
                [&](Env& env, Connection&) {
                  while (!aborted) env.sleep(milliseconds(1));
                })(world);
          }};
}

Promise cancelled_waits_leave_the_connection_whole() {
  return {"cancelled_waits_leave_the_connection_whole", connected(
                                                            [](Env& env, Connection& end) {
                                                              bool unwound = false;
                                                              Scope scope(env);
                                                              scope.spawn("reader", [&] {
                                                                struct Note {
                                                                  bool& unwound;
                                                                  ~Note() { unwound = true; }
                                                                } note{unwound};
                                                                read_error(env, end, Instant::never());
                                                                ADD_FAILURE() << "no cancellation";
                                                              });
                                                              env.sleep(milliseconds(2));
                                                              scope.close();
                                                              EXPECT_TRUE(unwound);
                                                              send(env, end, "go");
                                                              EXPECT_EQ(receive(env, end, 5), "whole");
                                                            },
                                                            [](Env& env, Connection& end) {
                                                              EXPECT_EQ(receive(env, end, 2), "go");
                                                              send(env, end, "whole");
                                                              end.shutdown_write();
                                                              read_to_end(env, end);
                                                            })};
}

void listeners(World& world) {
  world.run({[&](Env& env) {
    auto first = env.network.listen({world.host(0), 0});
    ASSERT_TRUE(first.ok());
    const uint16_t port = (*first)->local().port;
    EXPECT_NE(port, 0);
    EXPECT_EQ(error_of(env.network.listen({world.host(0), port})), IoError::in_use);
    EXPECT_EQ(error_of((*first)->accept(soon(env))), IoError::timed_out);
    EXPECT_EQ(error_of((*first)->accept(Instant{0})), IoError::timed_out) << "a deadline already past";
    IoError seen = IoError::ok;
    Scope scope(env);
    scope.spawn("acceptor", [&] { seen = error_of((*first)->accept(Instant::never())); });
    env.sleep(milliseconds(2));
    (*first)->close();
    scope.join();
    EXPECT_EQ(seen, IoError::closed);
    EXPECT_EQ(error_of((*first)->accept(eventually(env))), IoError::closed);
    EXPECT_EQ(error_of(env.network.connect({world.host(0), port}, "test", eventually(env))),
              IoError::refused);
    EXPECT_TRUE(env.network.listen({world.host(0), port}).ok()) << "the address is free again";
  }});
}

void accepting_can_be_cancelled(Env& env, const std::string& host) {
  auto listener = env.network.listen({host, 0});
  ASSERT_TRUE(listener.ok());
  Scope scope(env);
  scope.spawn("acceptor", [&] {
    static_cast<void>((*listener)->accept(Instant::never()));
    ADD_FAILURE() << "no cancellation";
  });
  env.sleep(milliseconds(2));
  scope.close();
  EXPECT_EQ(error_of((*listener)->accept(soon(env))), IoError::timed_out);
}

void connecting_fails_in_words(World& world) {
  uint16_t port = 0;
  bool done = false;
  world.run(
      {[&](Env& env) {
         auto listener = env.network.listen({world.host(0), 0});
         ASSERT_TRUE(listener.ok());
         port = (*listener)->local().port;
         while (!done) env.sleep(milliseconds(5));
       },
       [&](Env& env) {
         while (port == 0) env.sleep(milliseconds(1));
         const Instant past = env.now() - milliseconds(1);
         EXPECT_EQ(error_of(env.network.connect({world.host(0), port}, "test", past)), IoError::timed_out);
         auto mine = env.network.listen({world.host(1), 0});
         ASSERT_TRUE(mine.ok());
         const uint16_t free_port = (*mine)->local().port;
         (*mine)->close();
         EXPECT_EQ(error_of(env.network.connect({world.host(1), free_port}, "test", eventually(env))),
                   IoError::refused)
             << "a node reaches itself, and nobody listens there";
         done = true;
       }});
}

void connections_have_names(World& world) {
  uint16_t port = 0;
  bool done = false;
  world.run({[&](Env& env) {
               auto listener = env.network.listen({world.host(0), 0});
               ASSERT_TRUE(listener.ok());
               port = (*listener)->local().port;
               std::set<uint64_t> keys;
               std::vector<ConnectionRef> accepted;
               for (int i = 0; i < 3; ++i) {
                 auto connection = (*listener)->accept(eventually(env));
                 ASSERT_TRUE(connection.ok());
                 keys.insert((*connection)->key());
                 EXPECT_FALSE((*connection)->peer().host.empty());
                 accepted.push_back(std::move(*connection));
               }
               EXPECT_EQ(keys.size(), 3U);
               while (!done) env.sleep(milliseconds(1));
             },
             [&](Env& env) {
               while (port == 0) env.sleep(milliseconds(1));
               std::set<uint64_t> keys;
               std::vector<ConnectionRef> made;
               for (int i = 0; i < 3; ++i) {
                 auto connection = env.network.connect({world.host(0), port}, "test", eventually(env));
                 ASSERT_TRUE(connection.ok());
                 keys.insert((*connection)->key());
                 EXPECT_EQ((*connection)->peer().port, port);
                 made.push_back(std::move(*connection));
               }
               EXPECT_EQ(keys.size(), 3U);
               done = true;
             }});
}

void connections_wait_for_accept(World& world) {
  uint16_t port = 0;
  bool sent = false;
  world.run({[&](Env& env) {
               auto listener = env.network.listen({world.host(0), 0});
               ASSERT_TRUE(listener.ok());
               port = (*listener)->local().port;
               while (!sent) env.sleep(milliseconds(1));
               auto connection = (*listener)->accept(Instant{0});
               ASSERT_TRUE(connection.ok()) << "there is one, so a deadline already past does not matter";
               EXPECT_EQ(receive(env, **connection, 5), "early");
             },
             [&](Env& env) {
               while (port == 0) env.sleep(milliseconds(1));
               auto connection = env.network.connect({world.host(0), port}, "test", eventually(env));
               ASSERT_TRUE(connection.ok());
               send(env, **connection, "early");
               env.sleep(milliseconds(20));
               sent = true;
               failure_of_reading(env, **connection);
             }});
}

FileRef file_with(Env& env, Bytes content) {
  const IoResult<FileRef> file = env.disk.open("f", Open::create_truncate);
  EXPECT_TRUE(file.ok());
  EXPECT_TRUE(write_fully(**file, 0, content).ok());
  return *file;
}

Promise files_are_sent() {
  const ByteBuffer content = pattern(700'000, 5);
  return {"files_are_sent", connected(
                                [content](Env& env, Connection& end) {
                                  const ByteBuffer got = read_to_end(env, end);
                                  ASSERT_EQ(got.size(), 6 + content.size() - 1000);
                                  EXPECT_EQ(as_text(Bytes(got).first(6)), "header");
                                  EXPECT_TRUE(equal(Bytes(got).subspan(6), Bytes(content).subspan(1000)));
                                },
                                [content](Env& env, Connection& end) {
                                  const FileRef file = file_with(env, content);
                                  ASSERT_TRUE(env.disk.remove("f").ok());  // an open file can be sent still
                                  send(env, end, "header");
                                  uint64_t at = 1000;
                                  while (at < content.size()) {
                                    const IoResult<size_t> n =
                                        end.send_file(file, at, content.size() - at, eventually(env));
                                    ASSERT_TRUE(n.ok() && *n > 0);
                                    at += *n;
                                  }
                                  end.close();
                                })};
}

Promise sending_stops_where_the_file_ends() {
  return {"sending_stops_where_the_file_ends",
          connected(
              [](Env& env, Connection& end) {
                EXPECT_EQ(receive(env, end, 3), "789");
                send(env, end, "got");
                EXPECT_EQ(as_text(read_to_end(env, end)), "ABC");
              },
              [](Env& env, Connection& end) {
                const FileRef file = file_with(env, as_bytes("0123456789"));
                uint64_t at = 7;
                while (at < 10) {
                  const IoResult<size_t> n = end.send_file(file, at, 100, eventually(env));
                  ASSERT_TRUE(n.ok() && *n > 0);
                  at += *n;
                }
                EXPECT_EQ(end.send_file(file, 10, 100, eventually(env)).value(), 0U);
                EXPECT_EQ(end.send_file(file, 5000, 1, eventually(env)).value(), 0U);
                // Bytes under way may still be the file's own pages: it is changed only after their arrival.
                EXPECT_EQ(receive(env, end, 3), "got");
                ASSERT_TRUE(file->truncate(3).ok());
                EXPECT_EQ(end.send_file(file, 5, 2, eventually(env)).value(), 0U) << "the file as it is now";
                ASSERT_TRUE(write_fully(*file, 0, as_bytes("ABC")).ok());
                at = 0;
                while (at < 3) {
                  const IoResult<size_t> n = end.send_file(file, at, 3 - at, eventually(env));
                  ASSERT_TRUE(n.ok() && *n > 0);
                  at += *n;
                }
                end.close();
                EXPECT_EQ(error_of(end.send_file(file, 0, 3, eventually(env))), IoError::closed);
              })};
}

Promise sending_a_file_waits_and_gives_up() {
  return {"sending_a_file_waits_and_gives_up", [](World& world) {
            size_t sent = 0;
            bool full = false;
            connected(
                [&](Env& env, Connection& end) {
                  while (!full) env.sleep(milliseconds(5));
                  EXPECT_EQ(read_to_end(env, end).size(), sent);
                },
                [&](Env& env, Connection& end) {
                  const FileRef file = file_with(env, pattern(1'000'000));
                  for (;;) {
                    const IoResult<size_t> n = end.send_file(file, 0, 1'000'000, soon(env));
                    if (!n.ok()) {
                      EXPECT_EQ(n.error(), IoError::timed_out);
                      break;
                    }
                    ASSERT_GT(*n, 0U);
                    sent += *n;
                    ASSERT_LT(sent, 1'000'000'000U);
                  }
                  full = true;
                  end.close();
                })(world);
          }};
}

}  // namespace

std::vector<Promise> network_promises() {
  return {
      bytes_arrive_in_order(),
      spans_are_sent_in_order(),
      end_of_stream_stays(),
      exact_reads_tell_an_end_from_a_break(),
      orderly_close_delivers_what_was_written(),
      orderly_close_delivers_to_a_peer_that_still_talks(),
      abort_resets_the_peer(),
      a_writer_meets_the_reset_too(),
      destroying_a_connection_aborts_it(),
      reads_give_up_at_the_deadline(),
      writers_wait_for_a_slow_reader(),
      closing_wakes_the_own_reader(),
      aborting_wakes_the_own_writer(),
      cancelled_waits_leave_the_connection_whole(),
      {"listeners", listeners},
      {"accepting_can_be_cancelled",
       [](World& world) { world.run({[&](Env& env) { accepting_can_be_cancelled(env, world.host(0)); }}); }},
      {"connecting_fails_in_words", connecting_fails_in_words},
      {"connections_have_names", connections_have_names},
      {"connections_wait_for_accept", connections_wait_for_accept},
      files_are_sent(),
      sending_stops_where_the_file_ends(),
      sending_a_file_waits_and_gives_up(),
  };
}

}  // namespace ksim::conformance
