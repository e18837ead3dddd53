// What the shared libraries show to their users; everything else is hidden.
#pragma once

#define H2CORE_API __attribute__((visibility("default")))
