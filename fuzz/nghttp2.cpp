#include "nghttp2.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  fuzz::Input input(octets, size);
  const bool messages = (input.u8() & 1) != 0;
  messages ? fuzz::compare_messages(input) : fuzz::compare_blocks(input);
  return 0;
}
