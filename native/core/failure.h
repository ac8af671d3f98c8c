#pragma once

#include <stdexcept>
#include <string>

namespace guard {

// A failure that reaches JS as an Error with `code`. The codes are those of lib/errors.ts, plus
// ERR_ABORTED (a cancelled request or load) and ERR_INTERNAL (JS passed what it should have refused).
class Failure : public std::runtime_error {
 public:
  Failure(std::string code, const std::string& message, double free_bytes = -1)
      : std::runtime_error(message), code_(std::move(code)), free_bytes_(free_bytes) {}
  const std::string& code() const { return code_; }
  // Of the device whose memory ran out (ERR_MEMORY); -1: the machine's.
  double free_bytes() const { return free_bytes_; }

 private:
  std::string code_;
  double free_bytes_;
};

}  // namespace guard
