// What every workload is to the harness: a thing that is set up once, does operations and checks them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "heap.h"

namespace bench {

struct WrongResult : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A run that did not do its work does not count.
inline void require(bool right, const char* what) {
  if (!right) throw WrongResult(what);
}

/// A number that is neither time nor heap calls, such as bytes on the wire per operation.
struct Figure {
  std::string name;
  double value;
};

class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  /// Does `ops` operations, or a little more where they come in portions, checks the result and returns how many.
  virtual std::size_t run(std::size_t ops) = 0;
  virtual std::vector<Figure> figures() const { return {}; }

  /// Heap calls so far, setting up included, where an engine has seen everything that is to come.
  std::uint64_t warm_heap_calls() const { return warm_.calls(); }

 protected:
  heap::Meter warm_;
};

struct Workload {
  std::string name;             ///< "frame_parse/ping"
  std::string engine;           ///< "h2core", "nghttp2", or "machine" where no engine is involved
  std::size_t ops = 0;          ///< of one run under the clock
  std::size_t counted_ops = 0;  ///< that are enough to count instructions; 0 where these say nothing
  std::function<std::unique_ptr<Task>()> make;
};
using Workloads = std::vector<Workload>;

void add_memcpy(Workloads& all);
void add_hpack_decode(Workloads& all);
void add_hpack_encode(Workloads& all);
void add_huffman(Workloads& all);
void add_frame_parse(Workloads& all);
void add_server_requests(Workloads& all);
void add_request_response(Workloads& all);
void add_bulk(Workloads& all);
void add_memory(Workloads& all);
void add_scaling(Workloads& all);

}  // namespace bench
