// libnghttp2 behind the names that tasks use.
//
// Fields are submitted without NGHTTP2_NV_FLAG_NO_COPY_*: our calls, too, leave the caller's memory alone once they
// return. Everything else is as its manual advises; callbacks that a task does not need are not set.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../task.h"
#include "session.h"

namespace bench {

struct Nghttp2 {
  static constexpr const char* kName = "nghttp2";
  static std::string version() { return std::string("libnghttp2 ") + nghttp2_version(0)->version_str; }
  static constexpr std::size_t kHandleBytes = sizeof(nghttp2_session*);

  class Decoder {
   public:
    Decoder() { require(nghttp2_hd_inflate_new(&inflater_) == 0, "no nghttp2 inflater"); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    ~Decoder() { nghttp2_hd_inflate_del(inflater_); }

    template <class Sink>
    void decode(Bytes block, Sink&& sink) {
      const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
      const auto* const end = at + block.size();
      for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        const auto used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, static_cast<std::size_t>(end - at), 1);
        require(used >= 0, "nghttp2 refused a block");
        at += used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) sink(view(nv.name, nv.namelen), view(nv.value, nv.valuelen));
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      }
      nghttp2_hd_inflate_end_headers(inflater_);
    }

   private:
    static std::string_view view(const std::uint8_t* text, std::size_t size) {
      return {reinterpret_cast<const char*>(text), size};
    }
    nghttp2_hd_inflater* inflater_ = nullptr;
  };

  using FieldList = std::vector<nghttp2_nv>;
  static nghttp2_nv nv(std::string_view name, std::string_view value) {
    return {octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  }
  static void add(FieldList& list, std::string_view name, std::string_view value) { list.push_back(nv(name, value)); }

  class Encoder {
   public:
    Encoder() { require(nghttp2_hd_deflate_new(&deflater_, 4096) == 0, "no nghttp2 deflater"); }
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;
    ~Encoder() { nghttp2_hd_deflate_del(deflater_); }

    std::size_t encode(FieldList& fields, std::span<std::byte> out) {
      const auto used = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()), out.size(),
                                              fields.data(), fields.size());
      require(used >= 0, "nghttp2 encoded no block");
      return static_cast<std::size_t>(used);
    }

   private:
    nghttp2_hd_deflater* deflater_ = nullptr;
  };

  class RequestHead {
   public:
    RequestHead() {
      for (std::size_t i = 0; i < fields_.size(); ++i) fields_[i] = nv(kRequest[i].name, kRequest[i].value);
    }
    std::span<const nghttp2_nv> numbered(std::size_t n) {
      fields_[kPath] = nv(kRequest[kPath].name, paths()[n % kVariants]);
      return fields_;
    }

   private:
    std::array<nghttp2_nv, kRequest.size()> fields_;
  };

  class ResponseHead {
   public:
    explicit ResponseHead(std::size_t body_bytes) : length_(std::to_string(body_bytes)) {
      for (std::size_t i = 0; i < fields_.size(); ++i) fields_[i] = nv(kResponse[i].name, kResponse[i].value);
      fields_[kContentLength] = nv(kResponse[kContentLength].name, length_);
    }
    ResponseHead(const ResponseHead&) = delete;
    ResponseHead& operator=(const ResponseHead&) = delete;
    std::span<const nghttp2_nv> numbered(std::size_t n) {
      fields_[kEtag] = nv(kResponse[kEtag].name, etags()[n % kVariants]);
      return fields_;
    }

   private:
    std::string length_;
    std::array<nghttp2_nv, kResponse.size()> fields_;
  };

  template <class Handler>
  class Session;

 private:
  // The library never writes through these.
  static std::uint8_t* octets(std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  }
};

template <class Handler>
class Nghttp2::Session {
 public:
  Session(Side side, Windows windows, Handler& handler) : handler_(handler) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    require(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0, "no nghttp2 options");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
    nghttp2_session_callbacks_set_send_callback(callbacks, &on_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, &on_send_data);
    nghttp2_option_set_max_outbound_ack(option, kNoLimit);
    nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
    const auto make = side == Side::client ? &nghttp2_session_client_new2 : &nghttp2_session_server_new2;
    require(make(&session_, callbacks, this, option) == 0, "no nghttp2 session");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);

    const std::array<nghttp2_settings_entry, 2> settings{
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kNoLimit}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, windows.stream}}};
    const auto window = static_cast<std::int32_t>(windows.connection);
    require(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0 &&
                nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, window) == 0,
            "nghttp2 took no settings");
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { nghttp2_session_del(session_); }

  void feed(Bytes bytes) {
    const auto used =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    require(used == static_cast<ssize_t>(bytes.size()), "nghttp2 left input over");
  }

  std::size_t pull(std::span<std::byte> out) {
    std::size_t bytes = 0;
    while (out.size() - bytes >= kWholeFrame) {
      const std::uint8_t* frame = nullptr;
      const auto size = nghttp2_session_mem_send(session_, &frame);
      require(size >= 0, "nghttp2 sends nothing");
      if (size == 0) break;
      std::memcpy(out.data() + bytes, frame, static_cast<std::size_t>(size));
      bytes += static_cast<std::size_t>(size);
    }
    return bytes;
  }

  template <class Peer>
  std::size_t hand_to(Peer& peer) {
    by_reference_ = true;
    peer_ = &peer;
    feed_peer_ = [](void* to, Bytes bytes) { static_cast<Peer*>(to)->feed(bytes); };
    handed_ = 0;
    require(nghttp2_session_send(session_) == 0, "nghttp2 sends nothing");
    return handed_;
  }

  void send_request(RequestHead& head, std::size_t n, Body body) {
    const auto fields = head.numbered(n);
    const auto stream =
        body == Body::none
            ? nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, nullptr)
            : nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, -1, nullptr, fields.data(), fields.size(), nullptr);
    require(stream > 0, "nghttp2 took no request");
  }

  void send_upload(RequestHead& head, std::size_t n, std::size_t body_bytes) {
    const auto fields = head.numbered(n);
    const auto body = provider(body_bytes);
    require(nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &body, nullptr) > 0,
            "nghttp2 took no request");
  }

  void send_response(std::uint32_t stream, ResponseHead& head, std::size_t n, std::size_t body_bytes) {
    const auto fields = head.numbered(n);
    const auto body = provider(body_bytes);
    require(nghttp2_submit_response(session_, static_cast<std::int32_t>(stream), fields.data(), fields.size(),
                                    body_bytes == 0 ? nullptr : &body) == 0,
            "nghttp2 took no response");
  }

  bool alive() const { return nghttp2_session_want_read(session_) != 0; }
  std::int64_t send_window(std::uint32_t stream) const {
    return stream == 0 ? nghttp2_session_get_remote_window_size(session_)
                       : nghttp2_session_get_stream_remote_window_size(session_, static_cast<std::int32_t>(stream));
  }

 private:
  // What is left of a body stands where a pointer to it would.
  static nghttp2_data_provider provider(std::size_t body_bytes) {
    nghttp2_data_provider provider{};
    provider.source.ptr = reinterpret_cast<void*>(body_bytes);
    provider.read_callback = &on_read;
    return provider;
  }

  static Session& self(void* user) { return *static_cast<Session*>(user); }
  static Handler& handler(void* user) { return self(user).handler_; }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*,
                       std::size_t value_bytes, std::uint8_t, void* user) {
    handler(user).on_value_bytes(value_bytes);
    return 0;
  }

  static int on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t bytes,
                           void* user) {
    handler(user).on_data(bytes);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool of_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (of_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      handler(user).on_message_end(static_cast<std::uint32_t>(frame->hd.stream_id));
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user) {
    handler(user).on_stream_closed(static_cast<std::uint32_t>(stream));
    return 0;
  }

  static ssize_t on_read(nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t room, std::uint32_t* flags,
                         nghttp2_data_source* source, void* user) {
    auto left = reinterpret_cast<std::size_t>(source->ptr);
    const auto piece = self(user).cursor_.take(std::min(room, left));
    if (self(user).by_reference_) {
      *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      self(user).lent_ = piece;
    } else {
      std::memcpy(out, piece.data(), piece.size());
    }
    left -= piece.size();
    if (left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
    source->ptr = reinterpret_cast<void*>(left);
    return static_cast<ssize_t>(piece.size());
  }

  static ssize_t on_send(nghttp2_session*, const std::uint8_t* frame, std::size_t bytes, int, void* user) {
    self(user).hand({reinterpret_cast<const std::byte*>(frame), bytes});
    return static_cast<ssize_t>(bytes);
  }

  static int on_send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header, std::size_t,
                          nghttp2_data_source*, void* user) {
    self(user).hand({reinterpret_cast<const std::byte*>(header), 9});
    self(user).hand(self(user).lent_);
    return 0;
  }

  void hand(Bytes bytes) {
    handed_ += bytes.size();
    feed_peer_(peer_, bytes);
  }

  nghttp2_session* session_ = nullptr;
  Handler& handler_;
  BodyCursor cursor_;
  Bytes lent_;
  bool by_reference_ = false;
  void* peer_ = nullptr;
  void (*feed_peer_)(void* peer, Bytes bytes) = nullptr;
  std::size_t handed_ = 0;
};

}  // namespace bench
