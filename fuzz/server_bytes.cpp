// Bytes and calls into a server; driver.h says what must hold.
#include "driver.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::Driver(h2::Role::server, fuzz::Input(octets, size)).run();
  return 0;
}
