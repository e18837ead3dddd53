// The HTTP/2 side of a server connection: events of h2core in, answers of the site out.
#pragma once

#include <list>

#include <tools/log.h>
#include <tools/sender.h>
#include <tools/site.h>
#include <tools/slow_readers.h>
#include <tools/stalls.h>

namespace tools {

/// What a page's reader is told or given of its style sheets before asking for them.
struct Foresight {
  bool early_hints = false;  ///< 103 with their links (RFC 8297)
  bool push = false;         ///< the sheets themselves (RFC 9113 8.4)
};

class Http2Site {
 public:
  Http2Site(h2::Connection& connection, Stalls::Explain explain, Site& site, ConnectionLog& log, Foresight foresight,
            const Deadlines& deadlines);

  void on_event(const h2::Event& event);
  /// A request that came in another way than as an event, whole.
  void on_request(const h2::RequestReceived& request) { on(request); }
  /// Logs what stands still, if all is to be logged, and cuts who takes nothing.
  void advance_time(h2::TimePoint now);
  std::optional<h2::TimePoint> deadline() const;
  /// The connection is over.
  void log_counters() const;
  /// The server ends: what would go on for ever is brought to its end.
  void going_away();

 private:
  /// A request and its response, found again by the pointer that the stream carries.
  struct Exchange {
    explicit Exchange(h2::TimePoint now) : began(now) {}

    std::list<Exchange, RecyclingAllocator<Exchange>>::iterator self;
    h2::StreamId stream;
    std::string method, path;  // for the log, if it may want them
    h2::TimePoint began;
    std::uint16_t status = 0;
    TwoWayContent* echo = nullptr;  // owned by `sender`
    Ref<const ServedFile> file;     // of which `sender` lends all
    Sender sender;
  };

  std::vector<h2::StreamId> streams() const;
  std::vector<SlowReaders::Response> responses() const;
  Exchange& begin();
  Exchange& begin(std::string_view method, std::string_view path);
  void respond(Exchange& x, h2::StreamId stream, Answer& answer);
  void respond(const h2::RequestReceived& request, const Ref<const ServedFile>& file);
  void cannot_answer(h2::StreamId stream, std::string_view path, h2::Misuse why);
  void hint(const h2::RequestReceived& request, const Answer& answer);
  void push(const h2::RequestReceived& request, const Answer& answer);

  void on(const h2::RequestReceived& request);
  void on(const h2::DataReceived& data);
  void on(const h2::TrailersReceived& trailers);
  void on(const h2::DataSent& sent);
  void on(const h2::StreamClosed& closed);
  void on(const h2::IdleTimedOut& idle);
  void on(const h2::WorkBudgetLow& low);
  void on(const h2::ConnectionFailed& failed);
  template <class Other>
  void on(const Other&) {}

  static Exchange* exchange(void* user) { return static_cast<Exchange*>(user); }

  h2::Connection& connection_;
  Site& site_;
  ConnectionLog& log_;
  Foresight foresight_;
  std::list<Exchange, RecyclingAllocator<Exchange>> exchanges_;
  h2::TimePoint now_{};
  Stalls stalls_;
  SlowReaders slow_readers_;
  const ServedFile* latest_ = nullptr;  // only to know it again; it may be gone
};

}  // namespace tools
