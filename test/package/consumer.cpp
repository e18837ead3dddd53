// What a user of the installed package writes: one file that needs all the libraries it asked for.
#include <h2core/connection.h>
#include <hpack/encoder.h>

int main() { return 0; }
