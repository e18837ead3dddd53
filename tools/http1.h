// The HTTP/1.1 side of a server connection, parsed by Boost.Beast: plaintext in, plaintext out, one request after
// another.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tools/deadlines.h>
#include <tools/log.h>
#include <tools/site.h>

namespace tools {

enum class H2cUpgrade : std::uint8_t { no, yes };

class Http1 {
 public:
  /// A request that asked to go on in HTTP/2, and got a 101.
  struct Upgrade {
    std::string method, authority, path;
    std::vector<NameValue> fields;
    std::vector<std::byte> settings;  ///< the payload of a SETTINGS frame
  };

  Http1(Site& site, ConnectionLog& log, h2::TimePoint now, H2cUpgrade h2c = H2cUpgrade::no,
        const Deadlines& deadlines = {});
  ~Http1();

  /// False while a client is ahead of us: take output first.
  bool has_room() const;
  void receive(h2::ByteView data);
  void receive_eof();

  /// Answers what it can. Then `output()` has bytes, until they are consumed.
  void run();
  h2::ByteView output() const { return std::as_bytes(std::span(output_)).subspan(output_front_); }
  void consume_output(std::size_t bytes);
  /// Set once: nothing more is read here, and `input()` is what came behind the request.
  const std::optional<Upgrade>& upgrade() const { return upgrade_; }
  h2::ByteView input() const { return input_; }
  /// Nothing more comes out once `output()` is empty.
  bool finished() const { return finished_; }

  /// Ends the connection behind the response that is being sent.
  void drain();
  void advance_time(h2::TimePoint now);
  std::optional<h2::TimePoint> deadline() const;

 private:
  struct Exchange;

  void progress();
  bool owes_head() const;
  bool owes_content() const;
  bool read_head();
  bool read_body();
  bool write_body();
  void answer();
  bool answer_upgrade(std::span<const h2::Field> fields);
  void refuse(unsigned status, std::string_view words);
  void write_head(unsigned status, std::span<const h2::Field> fields);
  void write_field(std::string_view name, std::string_view value);
  void write_piece(h2::ByteView bytes);
  void end_response();
  void finish_exchange();

  Site& site_;
  ConnectionLog& log_;
  std::vector<std::byte> input_;
  std::string output_;
  std::size_t output_front_ = 0;
  std::unique_ptr<Exchange> exchange_;
  std::uint32_t count_ = 0;
  h2::TimePoint now_, last_progress_;
  H2cUpgrade h2c_;
  h2::Duration idle_timeout_, head_timeout_;
  Pace content_pace_;
  std::uint64_t received_ = 0;
  std::optional<Upgrade> upgrade_;
  bool eof_ = false, draining_ = false, finished_ = false;
};

}  // namespace tools
