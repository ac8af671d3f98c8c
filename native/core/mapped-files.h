#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace guard {

// The files of a model while their pages are in use. Somebody may write into them, or cut them off: then
// weights are no longer those that were checked, and a page that is gone would end the process (SIGBUS).
//
// A file that is replaced by renaming another over it is not touched by that: the old one stays until it is
// closed.
class MappedFiles {
 public:
  // [loading thread] All parts of a model that is split. What cannot be opened is not watched: loading says
  // why.
  explicit MappedFiles(const std::string& path);
  ~MappedFiles();
  MappedFiles(const MappedFiles&) = delete;
  MappedFiles& operator=(const MappedFiles&) = delete;

  // [loading thread] Finds where they are mapped now, and has a page that is gone read as zeros there, with a
  // mark (on Linux). Called again when parts of it were unmapped.
  void Protect();
  // [loading thread] Once all is loaded: what is not mapped any more need not be watched.
  void ForgetUnmapped();

  // [any thread] Whether a page was gone when it was read.
  bool lost() const { return lost_; }
  // [any thread] What has happened to them, for the end of a sentence; empty where nothing has.
  std::string Change() const;

 private:
  struct File {
    std::string path;  // real
    int descriptor;
    int64_t size, seconds, nanoseconds;  // when it was opened; the time of its last change
  };

  void Unprotect();

  std::vector<File> files_;
  std::atomic<bool> lost_{false};
  bool mapped_ = true;
};

}  // namespace guard
