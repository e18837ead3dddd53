// The engines that this build has.
#pragma once

#include "h2core.h"
#ifdef BENCH_NGHTTP2
#include "nghttp2.h"
#endif

namespace bench {

template <class Add>
void for_each_engine(Add add) {
  add.template operator()<H2core>();
#ifdef BENCH_NGHTTP2
  add.template operator()<Nghttp2>();
#endif
}

}  // namespace bench
