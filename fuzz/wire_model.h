// Both directions of a connection as its peer sees them: what was fed to it, and what it sent.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <h2core/frame.h>
#include <h2core/priority.h>
#include <hpack/decoder.h>

#include "input.h"

namespace fuzz {

/// Collects frames from bytes in any pieces.
class FrameCollector {
 public:
  explicit FrameCollector(bool preface_first) : preface_left_(preface_first ? h2::kClientPreface.size() : 0) {}

  /// Calls `header(head)` when nine bytes are there and `frame(head, payload)` when all are.
  template <class OnHeader, class OnFrame>
  void add(hpack::ByteView bytes, OnHeader&& header, OnFrame&& frame) {
    for (const std::byte octet : bytes) {
      if (preface_left_ > 0) {
        preface_good_ = preface_good_ &&
                        octet == static_cast<std::byte>(h2::kClientPreface[h2::kClientPreface.size() - preface_left_]);
        --preface_left_;
        continue;
      }
      held_.push_back(octet);
      if (held_.size() < h2::kFrameHeaderBytes) continue;
      const h2::FrameHeader head = h2::read_frame_header(held_.data());
      if (held_.size() == h2::kFrameHeaderBytes) header(head);
      if (held_.size() < h2::kFrameHeaderBytes + head.length) continue;
      frame(head, hpack::ByteView(held_).subspan(h2::kFrameHeaderBytes));
      held_.clear();
    }
  }
  bool between_frames() const { return held_.empty() && preface_left_ == 0; }
  bool preface_good() const { return preface_good_; }
  /// How much is there of a DATA frame's payload that is not whole.
  std::size_t torn_data_bytes(h2::StreamId stream) const {
    if (held_.size() < h2::kFrameHeaderBytes) return 0;
    const h2::FrameHeader head = h2::read_frame_header(held_.data());
    const bool wanted = head.type == h2::FrameType::data && head.stream == stream;
    return wanted ? held_.size() - h2::kFrameHeaderBytes : 0;
  }

 private:
  std::size_t preface_left_;
  bool preface_good_ = true;
  std::vector<std::byte> held_;
};

/// What the connection was sent, as far as its windows go.
class Fed {
 public:
  explicit Fed(h2::Role role) : frames_(role == h2::Role::server) {}

  void add(hpack::ByteView bytes) {
    frames_.add(
        bytes,
        [this](const h2::FrameHeader& head) {
          if (head.type != h2::FrameType::data) return;
          data_bytes_ += head.length;
          of_stream_[head.stream.value] += head.length;
        },
        [this](const h2::FrameHeader& head, hpack::ByteView payload) {
          if (head.type == h2::FrameType::window_update && head.stream == h2::kConnection && payload.size() == 4) {
            credit_ += h2::read_u32(payload.data()) & h2::kMaxWindow;
          }
          if (head.type == h2::FrameType::headers) last_stream_ = std::max(last_stream_, head.stream.value);
          if (head.type == h2::FrameType::priority_update && payload.size() >= 4)
            prioritized_.insert(h2::read_u32(payload.data()) & h2::kMaxStreamId);
        });
  }
  bool between_frames() const { return frames_.between_frames(); }
  std::int64_t data_bytes() const { return data_bytes_; }  ///< of DATA, padding included
  std::int64_t data_bytes(std::uint32_t stream) { return of_stream_[stream]; }
  std::int64_t credit() const { return credit_; }  ///< given on the connection
  std::size_t prioritized_and_idle() const {
    return static_cast<std::size_t>(std::distance(prioritized_.upper_bound(last_stream_), prioritized_.end()));
  }

 private:
  FrameCollector frames_;
  std::set<std::uint32_t> prioritized_;
  std::uint32_t last_stream_ = 0;
  std::map<std::uint32_t, std::int64_t> of_stream_;
  std::int64_t data_bytes_ = 0, credit_ = 0;
};

/// What the connection sent, held against RFC 9113 as far as one can without its state.
class Sent {
 public:
  explicit Sent(h2::Role role) : role_(role), frames_(role == h2::Role::client) { decoder_.allow_table_size(65536); }

  struct Stream {
    bool head = false, ended = false, reset = false;
    bool promised = false;      // by us
    bool cut_politely = false;  // RST_STREAM(NO_ERROR) before our end
    std::string status;
    std::uint64_t content = 0;
    std::int64_t credit = 0;
  };
  /// A frame that the caller had sent: they leave as they are, in their order.
  struct Extension {
    h2::FrameHeader head;
    std::vector<std::byte> payload;
  };
  std::deque<Extension> extensions;
  bool grease = false;               ///< a frame of a reserved type may come first
  std::vector<std::string> cookies;  ///< those that blocks may have, joined
  bool crumbs = false;               ///< no cookie leaves whole
  std::uint32_t upgraded = 0;        ///< the stream whose request went out by HTTP/1.1

  /// `max_frame_size`: the most that the peer ever allowed. `content(stream, at, octet)` judges each byte of DATA.
  template <class OnContent>
  void add(hpack::ByteView bytes, std::uint32_t max_frame_size, OnContent&& content) {
    frames_.add(
        bytes,
        [&](const h2::FrameHeader& head) {
          check(check_frame_header(head, max_frame_size) == h2::Violation::none, "a sent frame is well-formed");
        },
        [&](const h2::FrameHeader& head, hpack::ByteView payload) { on_frame(head, payload, content); });
    check(frames_.preface_good(), "a client sends its preface");
  }
  bool out_of_memory = false;  ///< then a connection may end without a word, or with GOAWAY alone
  bool between_frames() const { return frames_.between_frames(); }
  std::int64_t data_bytes() const { return data_bytes_; }
  std::int64_t credit() const { return credit_; }
  std::span<const std::byte> last_ping() const { return ping_; }
  const Stream& stream(std::uint32_t id) { return streams_[id]; }
  /// Of content, also in a frame that is not whole yet.
  std::uint64_t content(h2::StreamId id) { return streams_[id.value].content + frames_.torn_data_bytes(id); }
  const std::map<std::uint32_t, Stream>& streams() const { return streams_; }
  std::int64_t initial_window() const { return initial_window_; }  ///< as we last announced it
  std::uint32_t settings() const { return settings_; }             ///< SETTINGS that want an ACK

 private:
  template <class OnContent>
  void on_frame(const h2::FrameHeader& head, hpack::ByteView payload, OnContent& content) {
    using h2::FrameType;
    if (count_++ == 0) {
      const bool settings = head.type == FrameType::settings && !head.has(h2::flags::ack);
      check(settings || out_of_memory, "the first frame is SETTINGS");
    }
    if (block_open_) {
      check(head.type == FrameType::continuation && head.stream == block_on_, "nothing interrupts a header block");
    }
    Stream& stream = streams_[head.stream.value];
    if (head.stream != h2::kConnection) {
      check(!stream.reset, "nothing follows RST_STREAM on its stream");
      const bool ours = head.stream.opened_by_client() == (role_ == h2::Role::client);
      const bool begun = stream.head || stream.promised || head.stream.value == upgraded;
      check(!ours || begun || head.type == FrameType::headers, "nothing is sent on a stream of ours that is idle");
    }
    const bool end = head.has(h2::flags::end_stream);
    switch (head.type) {
      case FrameType::data:
        check(stream.head && !stream.ended, "DATA comes between head and end");
        check(!head.has(h2::flags::padded), "we pad nothing");
        for (const std::byte octet : payload) content(head.stream, stream.content++, octet);
        data_bytes_ += head.length;
        stream.ended = end;
        break;
      case FrameType::headers:
        check(!stream.ended, "no HEADERS after the end");
        stream.head = true;
        stream.ended = end;
        on_block(head, payload);
        break;
      case FrameType::push_promise:
        check(role_ == h2::Role::server && payload.size() >= 4, "only servers promise");
        check(!stream.ended, "no promise after the end");
        streams_[h2::read_u32(payload.data()) & h2::kMaxStreamId].promised = true;
        on_block(head, payload.subspan(4));
        break;
      case FrameType::continuation:
        check(block_open_, "CONTINUATION continues something");
        on_block(head, payload);
        break;
      case FrameType::rst_stream:
        stream.reset = true;
        stream.cut_politely = h2::read_u32(payload.data()) == 0 && !stream.ended;
        break;
      case FrameType::window_update: {
        const std::uint32_t increment = h2::read_u32(payload.data()) & h2::kMaxWindow;
        check(increment > 0, "we grow a window by something");
        (head.stream == h2::kConnection ? credit_ : stream.credit) += increment;
        break;
      }
      case FrameType::ping:
        if (!head.has(h2::flags::ack)) std::copy(payload.begin(), payload.end(), ping_.begin());
        break;
      case FrameType::settings:
        if (head.has(h2::flags::ack)) break;
        ++settings_;
        for (; payload.size() >= 6; payload = payload.subspan(6)) {
          if (payload[0] == std::byte{0} && payload[1] == std::byte{4})
            initial_window_ = h2::read_u32(payload.data() + 2);
        }
        break;
      case FrameType::goaway: break;
      case FrameType::priority_update: on_priority_update(head, payload); break;
      default: on_extension(head, payload); break;
    }
  }

  void on_priority_update(const h2::FrameHeader& head, hpack::ByteView payload) {
    check(role_ == h2::Role::client && head.stream == h2::kConnection && payload.size() >= 4, "clients reprioritize");
    const h2::StreamId about{h2::read_u32(payload.data())};
    const bool begun = streams_[about.value].head || !about.opened_by_client() || about.value == upgraded;
    check(begun, "PRIORITY_UPDATE follows the head that it is about");
    const std::string_view value(reinterpret_cast<const char*>(payload.data()) + 4, payload.size() - 4);
    check(h2::read_priority(value).has_value(), "PRIORITY_UPDATE says a priority");
  }

  void on_extension(const h2::FrameHeader& head, hpack::ByteView payload) {
    const Stream& stream = streams_[head.stream.value];
    const bool reserved = stream.promised && !stream.head;
    check(!reserved && !stream.ended, "frames of extensions leave on streams that we may use");
    if (grease && static_cast<std::uint8_t>(head.type) % 0x1f == 0x0b) {
      grease = false;
      return;
    }
    check(!extensions.empty(), "frames of extensions were asked for");
    check(extensions.front().head == head && std::ranges::equal(extensions.front().payload, payload),
          "frames of extensions leave as they were given, in their order");
    extensions.pop_front();
  }

  void on_block(const h2::FrameHeader& head, hpack::ByteView fragment) {
    if (!block_open_) block_.clear();
    block_.insert(block_.end(), fragment.begin(), fragment.end());
    block_open_ = !head.has(h2::flags::end_headers);
    block_on_ = head.stream;
    if (block_open_) return;
    decoder_.begin(block_);
    hpack::Field field;
    while (decoder_.next(field) == hpack::Decoder::Step::field) {
      if (field.name == ":status") streams_[head.stream.value].status = field.value;
      if (field.name == "cookie") on_cookie(field.value);
    }
    check(decoder_.error() == hpack::DecodeError::none, "a sent header block can be decoded");
    check(cookie_.empty() || std::ranges::find(cookies, cookie_) != cookies.end(), "no crumb of a cookie is lost");
    cookie_.clear();
  }

  // Short crumbs stay with their neighbours: they would never be indexed.
  void on_cookie(std::string_view crumb) {
    constexpr std::size_t kLeast = 20;
    const std::size_t end = crumb.size() > kLeast ? crumb.find("; ", kLeast) : std::string_view::npos;
    check(!crumbs || end == std::string_view::npos || crumb.size() - end - 2 < kLeast,
          "a cookie leaves crumb by crumb");
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += crumb;
  }

  h2::Role role_;
  std::string cookie_;  // of the block, joined
  FrameCollector frames_;
  hpack::Decoder decoder_{{}};
  std::map<std::uint32_t, Stream> streams_;
  std::vector<std::byte> block_;
  std::array<std::byte, 8> ping_{};
  std::int64_t initial_window_ = 65535;
  std::uint32_t settings_ = 0;
  bool block_open_ = false;
  h2::StreamId block_on_;
  std::uint64_t count_ = 0;
  std::int64_t data_bytes_ = 0, credit_ = 0;
};

}  // namespace fuzz
