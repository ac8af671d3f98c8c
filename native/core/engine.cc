#include "core/engine.h"

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "core/device.h"
#include "core/failure.h"
#include "core/faults.h"
#include "core/log.h"
#include "core/logits.h"
#include "core/process-exit.h"

namespace guard {

namespace {

// JS gets this part of a tick's time to follow on; it takes a fraction of a millisecond.
constexpr int kFollowersShare = 50;

// So many that fail one after the other are no accident.
constexpr int kFailedDecodes = 3;

// A process that hangs at exit would be worse than a late crash.
constexpr std::chrono::seconds kLongestExit{10};

// A test's.
void ThrowIfDue() {
  switch (Due(Fault::kThrow)) {
    case 1:
      throw std::runtime_error("thrown on purpose");
    case 2:
      throw std::bad_alloc();
    case 3:
      throw 3;
    default:
      return;
  }
}

// As CUDA, Vulkan and Metal put it.
bool IsOutOfMemory(const std::string& reason) {
  for (const char* words :
       {"out of memory", "OutOfMemory", "OutOfDeviceMemory", "ErrorOutOf", "Insufficient Memory"}) {
    if (reason.find(words) != std::string::npos) return true;
  }
  return false;
}

// `what` happened on a device for want of its memory, with the sizes that its driver tells.
Failure DeviceMemory(ggml_backend_dev_t device, const std::string& what, const std::string& mending) {
  size_t free = 0, total = 0;
  ggml_backend_dev_memory(device, &free, &total);
  return Failure("ERR_MEMORY",
                 DeviceLabel(device) + " " + what + " (" + std::to_string(free >> 20) + " of " +
                     std::to_string(total >> 20) + " MiB free, as the driver says)" + mending,
                 static_cast<double>(free));
}

}  // namespace

Engine::Engine(std::shared_ptr<Model> model, const ContextOptions& options, std::function<void()> notify)
    : notify_(std::move(notify)),
      max_sequences_(options.max_sequences),
      vocab_size_(model->vocab_size()),
      context_(std::make_unique<Context>(std::move(model), options, &stop_)),
      queues_(static_cast<size_t>(options.max_sequences)),
      prefix_cache_(static_cast<size_t>(options.kept_cells)),
      shared_(static_cast<size_t>(options.max_sequences)),
      whole_(static_cast<size_t>(options.max_sequences), 0),
      closed_(std::make_shared<Failure>("ERR_CLOSED", "the engine was closed before this was decoded")),
      cancelled_request_(std::make_shared<Failure>("ERR_ABORTED", "the request was cancelled")),
      no_memory_(std::make_shared<Failure>("ERR_MEMORY",
                                           "the engine ran out of memory. Close this guard and load another, "
                                           "with a smaller contextSize or maxSequences")),
      not_an_exception_(
          std::make_shared<Failure>("ERR_DECODE", "the decode thread threw what is no exception")),
      unsaid_(static_cast<size_t>(options.max_sequences), false) {
  capacity_ = context_->sequence_capacity();
  RegisterExitHandler(ExitStage::kContext);
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    throw Failure("ERR_MEMORY",
                  std::string("the system gave no thread for decoding (a limit on processes or threads?): ") +
                      error.what());
  }
  AddExitAction(this, [this] { CloseAtExit(); });
}

Engine::~Engine() {
  RemoveExitAction(this);
  Close();
}

void Engine::Check(const Request& request) const {
  const auto in_range = [this](int32_t sequence) { return sequence >= 0 && sequence < max_sequences_; };
  const auto is_token = [this](llama_token id) { return id >= 0 && id < vocab_size_; };
  const auto count = static_cast<int32_t>(request.tokens.size());
  const bool whole = request.keep == kWhole;
  bool ok =
      in_range(request.sequence) && count > 0 && (whole || request.keep >= 0) &&
      (request.shared == -1 || (whole && in_range(request.shared) && request.shared != request.sequence)) &&
      std::max(request.keep, 0) <= capacity_ - count &&
      std::all_of(request.tokens.begin(), request.tokens.end(), is_token) &&
      std::all_of(request.named.begin(), request.named.end(), is_token);
  for (size_t i = 0; ok && i < request.read.size(); ++i) {
    ok = request.read[i] >= 0 && request.read[i] < count && (i == 0 || request.read[i] > request.read[i - 1]);
  }
  if (!ok) throw Failure("ERR_INTERNAL", "a request is out of range");
}

void Engine::Submit(std::vector<Request> requests) {
  Works works;
  for (Request& request : requests) {
    Check(request);
    Work& work = works.emplace_back();
    work.result.id = request.id;
    work.request = std::move(request);
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) throw Failure("ERR_CLOSED", "the engine is closed");
    stats_.pending += works.size();
    for (const Work& work : works)
      unsaid_[Index(work.request.sequence)] = false;  // it replaces what is there
    inbox_.splice(inbox_.end(), works);
  }
  wake_.notify_one();
}

void Engine::Cancel(uint32_t id) {
  try {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_.insert(id);
  } catch (const std::bad_alloc&) {
    return;  // it is decoded then, and nobody listens
  }
  wake_.notify_one();
}

void Engine::Release(int32_t sequence) {
  Enqueue(Kind::kRelease, sequence, 0);
}

void Engine::ReleaseAndKeep(int32_t sequence, int32_t length) {
  if (length < 0) throw Failure("ERR_INTERNAL", "the positions to keep are out of range");
  Enqueue(Kind::kKeep, sequence, length);
}

void Engine::Enqueue(Kind kind, int32_t sequence, int32_t length) {
  if (sequence < 0 || sequence >= max_sequences_) {
    throw Failure("ERR_INTERNAL", "sequence out of range");
  }
  Works works;
  try {
    works.emplace_back();
  } catch (const std::bad_alloc&) {
    std::lock_guard<std::mutex> lock(mutex_);
    unsaid_[Index(sequence)] = has_unsaid_ = true;  // what was to be kept is not
    return;
  }
  Work& work = works.front();
  work.kind = kind;
  work.request.sequence = sequence;
  work.request.keep = length;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) return;
    inbox_.splice(inbox_.end(), works);
  }
  wake_.notify_one();
}

EngineStats Engine::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  EngineStats stats = stats_;
  if (decode_began_ != std::chrono::steady_clock::time_point{}) {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - decode_began_;
    stats.decoding_ms = 1000 * since.count();
  }
  return stats;
}

void Engine::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  std::lock_guard<std::mutex> lock(close_mutex_);
  if (thread_.joinable()) thread_.join();
  prefix_cache_.Clear();
  shared_prefixes_.clear();
  context_.reset();
}

void Engine::CloseAtExit() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  std::unique_lock<std::mutex> lock(ended_mutex_);
  if (!has_ended_.wait_for(lock, kLongestExit, [this] { return ended_; })) return;
  lock.unlock();
  Close();
}

// Nothing may leave the thread: that would end the process.
void Engine::Run() {
  Error error = closed_;
  try {
    Loop();
  } catch (const Failure& failure) {
    error = Share(failure);
  } catch (const std::bad_alloc&) {
    error = no_memory_;
  } catch (const std::exception& thrown) {
    try {
      error = std::make_shared<Failure>("ERR_DECODE", thrown.what());
    } catch (const std::bad_alloc&) {
      error = no_memory_;
    }
  } catch (...) {
    error = not_an_exception_;
  }
  Break(error);
  std::lock_guard<std::mutex> lock(ended_mutex_);
  ended_ = true;
  has_ended_.notify_all();
}

void Engine::Loop() {
  while (WaitForWork()) {
    std::vector<Slice> slices = Pack();
    if (!slices.empty()) Decode(slices);
    CountCells();
    DropFinished();
    Publish();
  }
}

void Engine::CountCells() {
  int64_t cells = 0;
  for (int32_t i = 0; i < max_sequences_; ++i) cells += context_->length(i) - shared_[Index(i)].length;
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.cells = static_cast<uint64_t>(std::max<int64_t>(cells, 0));
}

Failure Engine::DeviceFailure(const std::string& reason) const {
  ggml_backend_dev_t device = context_->model().device();
  const std::string label = DeviceLabel(device);
  if (IsOutOfMemory(reason)) {
    return DeviceMemory(device, "ran out of memory in a decode: " + reason,
                        ". Close this guard and load one with a smaller contextSize or maxSequences");
  }
  MarkLost(device);
  return Failure("ERR_BACKEND_FAILED",
                 label + " failed: " + reason +
                     ". It is lost to this process: restart it, or load a guard with gpu: false or "
                     "another device");
}

bool Engine::WaitForWork() {
  const auto busy = [this] {
    return std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) { return !queue.empty(); });
  };
  if (finished_prefill_) AwaitFollowers();
  {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] { return stop_ || !inbox_.empty() || !cancelled_.empty() || busy(); });
  }
  if (stop_) return false;
  AdmitInbox();
  if (has_unsaid_) EmptyUnsaid();
  return true;
}

// A check whose draft was wrong decodes the rest at once, and one that is done frees its cells, which the
// attention of the next tick would visit. Neither should come a tick late; streams wait for nobody.
void Engine::AwaitFollowers() {
  finished_prefill_ = false;
  const bool streams = std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) {
    return !queue.empty() && queue.front().request.priority == 0;
  });
  if (streams) return;
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait_for(lock, last_decode_ / kFollowersShare, [this] { return stop_ || !inbox_.empty(); });
}

void Engine::AdmitInbox() {
  Works arrived;
  std::unordered_set<uint32_t> cancelled;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    arrived.swap(inbox_);
    cancelled.swap(cancelled_);
  }
  while (!arrived.empty()) {
    Work& work = arrived.front();
    work.arrival = ++arrivals_;
    Works& queue = queues_[Index(work.request.sequence)];
    queue.splice(queue.end(), arrived, arrived.begin());
  }
  if (cancelled.empty()) return;
  for (Works& queue : queues_) {
    for (auto it = queue.begin(); it != queue.end();) {
      if (it->kind == Kind::kRequest && cancelled.count(it->request.id) > 0) {
        Fail(*it, cancelled_request_);
        it = Retire(queue, it);
      } else {
        ++it;
      }
    }
  }
}

void Engine::EmptyUnsaid() {
  has_unsaid_ = false;
  for (size_t i = 0; i < queues_.size(); ++i) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!unsaid_[i]) continue;
      if (!queues_[i].empty()) {
        has_unsaid_ = true;  // after the requests that it has
        continue;
      }
      unsaid_[i] = false;
    }
    Empty(static_cast<int32_t>(i));
  }
}

void Engine::TidyFronts() {
  for (auto& queue : queues_) {
    for (; !queue.empty() && queue.front().kind != Kind::kRequest; queue.pop_front()) {
      const Work& work = queue.front();
      const int32_t sequence = work.request.sequence;
      if (IsAlone()) {
        KeepWholeSlices(sequence);
      } else if (work.kind == Kind::kKeep) {
        Keep(sequence, work.request.keep);
      } else {
        Empty(sequence);
      }
    }
  }
}

void Engine::Decode(std::vector<Slice>& slices) {
  ThrowIfDue();
  context_->model().RequireUnchanged();
  const auto started = std::chrono::steady_clock::now();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    decode_began_ = started;
  }
  uint64_t tokens = 0;
  for (const Slice& slice : slices) tokens += slice.count;
  const bool on_device = context_->model().device() != nullptr;
  ErrorCapture errors;  // some back ends log their reason and give a status alone
  int32_t status;
  try {
    status = context_->Decode();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (!on_device) throw;
    context_->Abandon();
    throw DeviceFailure(error.what());
  }
  last_decode_ = std::chrono::steady_clock::now() - started;
  const double ms = 1000 * last_decode_.count();

  if (status == 0) {
    context_->model().RequireUnchanged();
    NoteDecode(nullptr);
    RegisterExitHandler(ExitStage::kDecode);
    for (const Slice& slice : slices) {
      ++slice.work->result.passes;
      slice.work->result.ms += ms;
      Collect(slice);
    }
  } else if (on_device && status == kComputeFailed) {
    context_->Abandon();
    throw DeviceFailure(errors.text().empty() ? "its back end could not compute a batch" : errors.text());
  } else if (status != 2) {  // 2: stopped by Close, which fails everything that waits
    // JS admits by cells, so a full cache is a fault of ours; still nothing may be lost in silence.
    const char* why = status == 1 ? "the KV cache has no free cells" : "llama_decode failed";
    Error error = no_memory_;
    if (status != kAllocationFailed) {
      error = Share(Failure("ERR_DECODE", why + (" (status " + std::to_string(status) + ")")));
    } else if (on_device) {
      error = Share(DeviceMemory(context_->model().device(), "has no memory for a batch", ""));
    }
    NoteDecode(error);
    for (const Slice& slice : slices) Fail(*slice.work, error);
  }

  std::lock_guard<std::mutex> lock(mutex_);
  decode_began_ = {};
  ++stats_.ticks;
  stats_.decode_ms += ms;
  const auto end = std::lower_bound(kTickBounds.begin(), kTickBounds.end(), ms);
  ++stats_.ticks_by_time[static_cast<size_t>(end - kTickBounds.begin())];
  if (status == 0) stats_.tokens += tokens;
}

// Those that fail now and then fail whom they concern; the engine goes on, and tries the next.
void Engine::NoteDecode(const Error& error) {
  failed_decodes_ = error ? failed_decodes_ + 1 : 0;
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.failure = failed_decodes_ >= kFailedDecodes ? error : nullptr;
}

// Reads the outputs of a decoded slice; finishes the request with its last one.
void Engine::Collect(const Slice& slice) {
  Work& work = *slice.work;
  const Request& request = work.request;
  const Model& model = context_->model();
  const size_t end = work.done + slice.count;
  bool finite = true;
  while (finite && work.read_done < request.read.size() &&
         static_cast<size_t>(request.read[work.read_done]) < end) {
    const int32_t index = slice.batch_start + request.read[work.read_done] - static_cast<int32_t>(work.done);
    if (model.head_outputs() > 0) {
      const float* heads = context_->Heads(index);
      finite = heads != nullptr && ReadHeads(heads, model.head_outputs(), work.result);
    } else {
      const float* logits = context_->Logits(index);
      finite = logits != nullptr && ReadText(logits, model.vocab_size(), request.named, work.result);
    }
    ++work.read_done;
  }
  if (IsAlone() && request.keep == kWhole) CountWholeSlices(request.sequence, work.done, end);
  work.done = end;
  if (!finite) {
    Fail(work, Share(Failure("ERR_DECODE", "the model gave logits that are not finite")));
  } else if (work.done == request.tokens.size()) {
    Finish(work);
  }
}

}  // namespace guard
