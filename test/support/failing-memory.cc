// Preloaded into a child process: makes memory run out for the addon, and only for it, at a chosen allocation, or the
// system's threads at a chosen one. process.umask() is the switch, since JS can call it:
//   umask(0)          nothing fails; gives how many allocations (or threads) were counted
//   umask(1 << 24 | n)  the n-th allocation from now on fails
//   umask(2 << 24 | n)  the n-th and all after it fail
//   umask(4 << 24 | n)  the n-th pthread_create and all after it fail
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <unwind.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

struct Range {
  uintptr_t begin = 0, end = 0;
  bool has(uintptr_t at) const { return at >= begin && at < end; }
};

Range addon, own, standard;
std::atomic<uint32_t> mode{0}, nth{0}, counted{0};

int Find(dl_phdr_info* info, size_t, void*) {
  Range range;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    if (range.begin == 0 || begin < range.begin) range.begin = begin;
    if (begin + part.p_memsz > range.end) range.end = begin + part.p_memsz;
  }
  if (strstr(info->dlpi_name, "qwen3guard.node")) addon = range;
  if (strstr(info->dlpi_name, "libstdc++")) standard = range;
  if (range.has(reinterpret_cast<uintptr_t>(&Find))) own = range;
  return 0;
}

// Whose allocation it is: the first caller outside of the standard library.
_Unwind_Reason_Code Caller(_Unwind_Context* context, void* found) {
  const auto at = static_cast<uintptr_t>(_Unwind_GetIP(context));
  if (own.has(at) || standard.has(at)) return _URC_NO_REASON;
  *static_cast<uintptr_t*>(found) = at;
  return _URC_END_OF_STACK;
}

bool Fails(uint32_t modes) {
  const uint32_t now = mode.load();
  if ((now & modes) == 0) return false;
  uintptr_t caller = 0;
  _Unwind_Backtrace(Caller, &caller);
  if (!addon.has(caller)) return false;
  const uint32_t at = ++counted;
  return now == 1 ? at == nth : at >= nth;
}

void* Allocate(size_t size) {
  return Fails(3) ? nullptr : std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(size_t size) {
  if (void* memory = Allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return Fails(4) ? EAGAIN : create(thread, attributes, start, argument);
}

extern "C" mode_t umask(mode_t value) {
  const uint32_t before = counted.load();
  mode = 0;
  dl_iterate_phdr(Find, nullptr);
  counted = 0;
  nth = value & 0xffffff;
  mode = value >> 24;
  return before;
}
