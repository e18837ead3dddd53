// The program that runs the workloads.
//
//     workloads [GOOGLE BENCHMARK OPTION]...     under the clock
//     workloads --list                           name, engine and operations that are enough to count instructions
//     workloads --only NAME/ENGINE --ops N       sets up and does N operations: for callgrind and perf
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/engines.h"

namespace bench {
namespace {

#ifdef __clang__
constexpr char kCompiler[] = __VERSION__;
#else
constexpr char kCompiler[] = "g++ " __VERSION__;
#endif

Workloads all_workloads() {
  Workloads all;
  add_memcpy(all);
  add_hpack_decode(all);
  add_hpack_encode(all);
  add_huffman(all);
  add_frame_parse(all);
  add_server_requests(all);
  add_request_response(all);
  add_bulk(all);
  add_scaling(all);
  add_memory(all);
  return all;
}

std::string full_name(const Workload& workload) { return workload.name + "/" + workload.engine; }

void measure(benchmark::State& state, const Workload& workload) {
  try {
    const auto task = workload.make();
    task->run(workload.ops);  // a first run warms up and shows that the result is right before the clock starts

    const auto heap_before = heap::calls();
    std::size_t ops = 0;
    for (auto _ : state) ops += task->run(workload.ops);
    const auto per_op = [&](std::uint64_t calls) { return static_cast<double>(calls) / static_cast<double>(ops); };
    state.counters["heap"] = per_op(heap::calls() - heap_before);
    state.counters["heap_warm"] = static_cast<double>(task->warm_heap_calls());
    for (const auto& figure : task->figures()) state.counters[figure.name] = figure.value;
    state.SetItemsProcessed(static_cast<std::int64_t>(ops));
  } catch (const WrongResult& wrong) {
    state.SkipWithError(wrong.what());
  }
}

int do_operations(const Workloads& all, const std::string& name, std::size_t ops) {
  for (const auto& workload : all) {
    if (full_name(workload) != name) continue;
    try {
      const auto task = workload.make();
      std::printf("%zu\n", task->run(ops));
      return 0;
    } catch (const WrongResult& wrong) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(), wrong.what());
      return 1;
    }
  }
  std::fprintf(stderr, "there is no workload %s\n", name.c_str());
  return 2;
}

void list(const Workloads& all) {
  for (const auto& workload : all) {
    std::printf("%s %s %zu\n", workload.name.c_str(), workload.engine.c_str(), workload.counted_ops);
  }
}

int main(int count, char** arguments) {
  const auto all = all_workloads();
  if (count == 2 && std::strcmp(arguments[1], "--list") == 0) {
    list(all);
    return 0;
  }
  if (count == 5 && std::strcmp(arguments[1], "--only") == 0 && std::strcmp(arguments[3], "--ops") == 0) {
    return do_operations(all, arguments[2], std::strtoull(arguments[4], nullptr, 10));
  }
  for_each_engine([]<class Engine>() { benchmark::AddCustomContext(Engine::kName, Engine::version()); });
  benchmark::AddCustomContext("compiler", kCompiler);
  for (const auto& workload : all) {
    benchmark::RegisterBenchmark(full_name(workload).c_str(), &measure, workload);
  }
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) { return bench::main(count, arguments); }
