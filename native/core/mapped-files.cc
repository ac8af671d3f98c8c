#include "core/mapped-files.h"

#ifdef __linux__
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <regex>
#endif

namespace guard {

#ifdef __linux__

namespace {

// A handler may take no lock, so they lie in a table of fixed length; what finds no place is not protected.
struct Range {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<std::atomic<bool>*> lost{nullptr};  // null: the place is free
};
constexpr size_t kRanges = 256;
Range ranges[kRanges];
std::mutex ranges_mutex;  // guards which places are free
struct sigaction before;

void OnMissingPage(int number, siginfo_t* info, void* context) {
  const int error = errno;
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  bool ours = false;
  for (Range& range : ranges) {
    std::atomic<bool>* lost = range.lost;
    if (lost == nullptr || at < range.begin || at >= range.end) continue;
    *lost = ours = true;
  }
  if (ours) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    void* start = reinterpret_cast<void*>(at & ~(page - 1));
    if (mmap(start, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
      errno = error;
      return;
    }
  }
  // Somebody else's: as if there were no handler of ours.
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  } else {
    signal(number, SIG_DFL);  // the instruction is run again, and ends the process
  }
  errno = error;
}

void HandleMissingPages() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = OnMissingPage;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
  });
}

void AddRange(uintptr_t begin, uintptr_t end, std::atomic<bool>* lost) {
  for (Range& range : ranges) {
    if (range.lost != nullptr) continue;
    range.begin = begin;
    range.end = end;
    range.lost = lost;
    return;
  }
}

std::vector<std::string> PartsOf(const std::string& path) {
  // Never destroyed: a load may still run when the process exits.
  static const auto& split = *new std::regex("^(.*-)(\\d{5})(-of-(\\d{5})\\.gguf)$");
  std::smatch found;
  if (!std::regex_match(path, found, split)) return {path};
  std::vector<std::string> parts;
  const int count = std::stoi(found[4]);
  for (int i = 1; i <= count; ++i) {
    char number[16];
    std::snprintf(number, sizeof(number), "%05d", i);
    parts.push_back(found[1].str() + number + found[3].str());
  }
  return parts;
}

}  // namespace

MappedFiles::MappedFiles(const std::string& path) {
  for (const std::string& part : PartsOf(path)) {
    char real[PATH_MAX];
    if (realpath(part.c_str(), real) == nullptr) continue;
    const int descriptor = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) continue;
    struct stat is {};
    if (fstat(descriptor, &is) != 0) {
      close(descriptor);
      continue;
    }
    files_.push_back({real, descriptor, is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec});
  }
}

MappedFiles::~MappedFiles() {
  Unprotect();
  for (const File& file : files_) close(file.descriptor);
}

void MappedFiles::Protect() {
  Unprotect();
  HandleMissingPages();
  std::lock_guard<std::mutex> lock(ranges_mutex);
  std::ifstream maps("/proc/self/maps");
  mapped_ = !maps;  // where it cannot be known they are watched
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0, end = 0;
    int name = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &begin, &end, &name) < 2 ||
        name == 0) {
      continue;
    }
    for (const File& file : files_) {
      if (line.compare(static_cast<size_t>(name), std::string::npos, file.path) != 0) continue;
      AddRange(begin, end, &lost_);
      mapped_ = true;
    }
  }
}

void MappedFiles::Unprotect() {
  std::lock_guard<std::mutex> lock(ranges_mutex);
  for (Range& range : ranges) {
    if (range.lost == &lost_) range.lost = nullptr;
  }
}

void MappedFiles::ForgetUnmapped() {
  Protect();
  if (mapped_) return;
  for (const File& file : files_) close(file.descriptor);
  files_.clear();
}

std::string MappedFiles::Change() const {
  if (lost_) return "a part of it was gone when it was read";
  for (const File& file : files_) {
    struct stat is {};
    if (fstat(file.descriptor, &is) != 0) return "it cannot be looked at any more";
    if (is.st_size != file.size) {
      return "it had " + std::to_string(file.size) + " bytes and has " + std::to_string(is.st_size);
    }
    if (is.st_mtim.tv_sec != file.seconds || is.st_mtim.tv_nsec != file.nanoseconds)
      return "it was written to";
  }
  return "";
}

#else

// Windows lets nobody write to a file that is mapped, and macOS does not say what is mapped where.
MappedFiles::MappedFiles(const std::string&) {}
MappedFiles::~MappedFiles() = default;
void MappedFiles::Protect() {}
void MappedFiles::Unprotect() {}
void MappedFiles::ForgetUnmapped() {}
std::string MappedFiles::Change() const {
  return "";
}

#endif

}  // namespace guard
