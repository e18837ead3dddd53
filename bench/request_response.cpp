// A client keeps C requests in flight, a server answers each with a body of N bytes as soon as it has ended.
// Sessions and their HPACK tables are warm. op = one request with its response, both sides.
#include "pair.h"

namespace bench {
namespace {

constexpr std::size_t kWarmUp = 1000;

template <class Engine>
class RequestResponse : public Task {
 public:
  RequestResponse(std::size_t body_bytes, std::size_t concurrency) : pair_(body_bytes), concurrency_(concurrency) {
    pair_.run_requests(kWarmUp, concurrency);
  }

  std::size_t run(std::size_t ops) override {
    this->warm_.start();
    pair_.run_requests(ops, concurrency_);
    this->warm_.stop();
    wire_bytes_ = static_cast<double>(pair_.wire_bytes()) / static_cast<double>(ops);
    return ops;
  }

  std::vector<Figure> figures() const override { return {{"wire_bytes", wire_bytes_}}; }

 private:
  Pair<Engine> pair_;
  std::size_t concurrency_;
  double wire_bytes_ = 0;
};

}  // namespace

void add_request_response(Workloads& all) {
  for (const std::size_t body : {0U, 1024U, 102400U}) {
    for (const std::size_t concurrency : {1U, 10U, 100U}) {
      const auto name = "request_response/body" + std::to_string(body) + "/conc" + std::to_string(concurrency);
      const std::size_t counted = body > 10000 ? 400 : 2000;
      for_each_engine([&]<class Engine>() {
        all.push_back({name, Engine::kName, kVariants, counted,
                       [body, concurrency] { return std::make_unique<RequestResponse<Engine>>(body, concurrency); }});
      });
    }
  }
}

}  // namespace bench
