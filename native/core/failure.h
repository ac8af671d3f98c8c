#pragma once

#include <stdexcept>
#include <string>

namespace guard {

// A failure that reaches JS as an Error with `code`. The codes are those of lib/errors.ts, plus
// ERR_ABORTED (a cancelled request or load), ERR_NOT_KEPT (a request goes on from what could not be kept: to
// be computed anew) and ERR_INTERNAL (JS passed what it should have refused).
class Failure : public std::runtime_error {
 public:
  Failure(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace guard
