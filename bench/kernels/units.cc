// units [short]: multiply-adds a second by kind of unit, and bytes a second of the memory, as a line of JSON.
#include "units.h"

#include <cstdio>

int main(int argc, char** argv) {
  const bool is_short = argc > 1 && std::string(argv[1]) == "short";
  const int rounds = is_short ? 1 : 7;
  const size_t bytes = size_t{is_short ? 1u : 128u} << 20;
  std::printf("{\"bytes\":%.4g,\"floats\":%.4g,\"brain\":%.4g,\"bandwidth\":%.4g}\n", BytesPeak(rounds), FloatsPeak(rounds),
              BrainPeak(rounds), Bandwidth(rounds, bytes));
}
