// What many streams cost. activeM: M requests are submitted at once, and answered when all are open. idleM: M streams
// stay open while ten requests at a time run beside them. op = one request with its response, without bodies.
#include "pair.h"

namespace bench {
namespace {

constexpr std::size_t kConcurrency = 10;

// No part of a burst is the steady state: it fills queues, and what they grew by may be given back at its end.
template <class Engine>
class Active : public Task {
 public:
  explicit Active(std::size_t streams) : streams_(streams) { pair_.run_burst(streams); }

  std::size_t run(std::size_t ops) override {
    std::size_t done = 0;
    for (; done < ops; done += streams_) pair_.run_burst(streams_);
    return done;
  }

 private:
  Pair<Engine> pair_{0};
  std::size_t streams_;
};

template <class Engine>
class Idle : public Task {
 public:
  explicit Idle(std::size_t streams) {
    pair_.open_idle(streams);
    pair_.run_requests(1000, kConcurrency);
  }

  std::size_t run(std::size_t ops) override {
    this->warm_.start();
    pair_.run_requests(ops, kConcurrency);
    this->warm_.stop();
    return ops;
  }

 private:
  Pair<Engine> pair_{0};
};

}  // namespace

void add_scaling(Workloads& all) {
  for (const std::size_t streams : {1U, 1000U, 10000U, 100000U}) {
    const std::size_t ops = std::max(streams, kVariants);
    for_each_engine([&]<class Engine>() {
      all.push_back({"scaling/active" + std::to_string(streams), Engine::kName, ops,
                     std::max<std::size_t>(streams, 2000),
                     [streams] { return std::make_unique<Active<Engine>>(streams); }});
    });
  }
  for (const std::size_t streams : {0U, 1000U, 10000U, 100000U}) {
    for_each_engine([&]<class Engine>() {
      all.push_back({"scaling/idle" + std::to_string(streams), Engine::kName, kVariants, 2000,
                     [streams] { return std::make_unique<Idle<Engine>>(streams); }});
    });
  }
}

}  // namespace bench
