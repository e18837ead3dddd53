// Our work beside that of libnghttp2, which is an oracle here and nothing else.
#pragma once

#include "input.h"

namespace fuzz {

/// Header blocks and table sizes into both HPACK decoders.
void compare_blocks(Input input);
/// Messages into both ends of a connection: what is accepted, and what is delivered of it.
void compare_messages(Input input);

}  // namespace fuzz
