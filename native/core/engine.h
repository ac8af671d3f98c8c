#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/context.h"
#include "core/failure.h"
#include "core/model.h"
#include "core/prefix-cache.h"

namespace guard {

// Request::keep where the tokens are all that the sequence is to hold.
constexpr int32_t kWhole = -1;

// Tokens for one sequence and what to read from them. Plain values: nothing of JS, nothing of llama.cpp.
struct Request {
  uint32_t id = 0;
  int32_t sequence = 0;
  // Cells kept before the tokens are appended. With kWhole the engine finds what of them is there already, in
  // this sequence, in what is kept, or in `shared`, and decodes the rest.
  int32_t keep = 0;
  int32_t shared = -1;  // sequence whose content the tokens may begin with, or -1
  int32_t priority = 1;
  std::vector<llama_token> tokens;
  std::vector<int32_t> read;       // ascending indices into tokens
  std::vector<llama_token> named;  // ids whose logits are wanted
};

struct Result {
  uint32_t id = 0;
  std::shared_ptr<const Failure> error;  // null: the request was decoded
  std::vector<float> heads;              // read x head_outputs
  std::vector<int32_t> greedy;           // read
  std::vector<float> margin;             // read
  std::vector<float> named;              // read x named
  int32_t cached = 0;                    // with kWhole: tokens that were there already
  int32_t passes = 0;
  double ms = 0;
};

// Ends of the classes that ticks are counted in by their time, in milliseconds; the last class has no end.
inline constexpr std::array<double, 11> kTickBounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};

struct EngineStats {
  uint64_t tokens = 0;
  uint64_t ticks = 0;
  double decode_ms = 0;
  std::array<uint64_t, kTickBounds.size() + 1> ticks_by_time{};
  uint64_t pending = 0;
  uint64_t cells = 0;      // that sequences hold, shared ones counted once
  double decoding_ms = 0;  // since the decode in hand began; 0 where there is none
  // Why it judges nothing: for good, or because decodes fail one after the other; null where it does. Not a
  // text, which would take memory.
  std::shared_ptr<const Failure> failure;
};

// One llama context and the thread that owns it. Every tick packs the waiting tokens of all sequences,
// streams first, prefills in slices, into one llama_decode. The loop never waits for JS.
//
// Where memory runs out every request still gets its answer: works move from list to list, which takes no
// memory, and the errors that say so are made before they are needed.
class Engine {
 public:
  enum class Kind { kRequest, kRelease, kKeep };

  // A request in hand, or something done to its sequence in between.
  struct Work {
    Kind kind = Kind::kRequest;
    Request request;
    bool started = false;
    bool finished = false;
    uint64_t arrival = 0;
    size_t done = 0;       // tokens decoded
    size_t read_done = 0;  // read positions decoded
    Result result;
  };
  using Works = std::list<Work>;

  // [worker thread] Allocates the context and starts the thread. `notify` is called on the engine's
  // thread when results wait and none did before. Throws Failure.
  Engine(std::shared_ptr<Model> model, const ContextOptions& options, std::function<void()> notify);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // [any thread] Throws Failure(ERR_CLOSED | ERR_INTERNAL).
  // One decode takes up as many of them as it has room for.
  void Submit(std::vector<Request> requests);
  // [any thread] Asks for an early end of a request; its result says ERR_ABORTED unless it is done by then.
  void Cancel(uint32_t id);
  // These two never fail for want of memory: JS could do nothing about it.
  // [any thread] Empties the sequence after the requests submitted for it.
  void Release(int32_t sequence);
  // [any thread] Empties it as well, but keeps its first `length` positions, as far as there is room, for
  // texts that begin like it.
  void ReleaseAndKeep(int32_t sequence, int32_t length);
  // [any thread] Hands over the requests that are done.
  Works TakeResults();
  EngineStats stats() const;
  // [any thread but the engine's] Ends the tick in hand, fails what waits with ERR_CLOSED, joins the thread
  // and frees the context, its KV cache and the engine's share of the model. Idempotent; a second caller
  // waits for the first.
  void Close();

 private:
  using Error = std::shared_ptr<const Failure>;

  // The first positions of a sequence where another holds them.
  struct Shared {
    int32_t source = -1;
    int32_t length = 0;
  };

  // What other sequences share. It stays in the cells only while some do, or until another is wanted: on a
  // unified cache every token's attention visits them.
  struct SharedPrefix {
    std::vector<llama_token> tokens;
    State copy;  // once it was offloaded
  };

  // The share of one request in a tick's batch.
  struct Slice {
    Work* work;
    size_t count;
    int32_t batch_start;
  };

  // Throws Failure(ERR_INTERNAL) for a request that would trip an assert.
  void Check(const Request& request) const;
  void Run();
  // [exiting thread] Close, unless a decode does not end.
  void CloseAtExit();
  // [engine thread]
  void NoteDecode(const Error& error);
  void Loop();
  // The failure, or what says that there was no memory for it.
  Error Share(const Failure& failure) const noexcept;
  // [engine thread] Fails everything now and whatever comes until the engine is closed.
  void Break(const Error& error);
  // [engine thread]
  void FailAll(const Error& error);
  // [engine thread] For stats.
  void CountCells();
  // [engine thread] What the driver said, as a failure of the whole engine.
  Failure DeviceFailure(const std::string& reason) const;
  // [engine thread] true when there is something to decode; takes new work from the inbox.
  bool WaitForWork();
  // [engine thread] Leaves JS a moment to follow on from the prefills that the last tick finished.
  void AwaitFollowers();
  void AdmitInbox();
  void Enqueue(Kind kind, int32_t sequence, int32_t length);
  // [engine thread] Empties what Enqueue had no memory to say so about.
  void EmptyUnsaid();
  // [engine thread] Does what stands between requests at the front of a queue.
  void TidyFronts();
  void Start(Work& work);
  // [engine thread] How much of its tokens the sequence holds then.
  size_t FindBeginning(const Request& request);
  bool RestoreKept(int32_t sequence, const KeptPrefix& kept);
  // [engine thread] After the last request for it: both empty it.
  void Keep(int32_t sequence, int32_t length);
  void Empty(int32_t sequence);
  void Truncate(int32_t sequence, int32_t length);
  void Share(int32_t source, int32_t sequence, int32_t length);
  // [engine thread] Notes it, and offloads what nobody shares any more.
  void SetShared(int32_t source, int32_t sequence, int32_t length);
  void OffloadShared(int32_t source);
  bool TryRestoreShared(int32_t source);
  void RestoreShared(int32_t source);
  // [engine thread] Before what others share changes.
  void Invalidate(int32_t source);
  static size_t Index(int32_t sequence) { return static_cast<size_t>(sequence); }
  std::vector<Slice> Pack();
  void PackPrefills(std::vector<Work*>& prefills, std::vector<Slice>& slices);
  std::vector<Slice> PackAlone(const std::vector<Work*>& streams, const std::vector<Work*>& prefills);
  bool IsAlone() const { return context_->options().alone_whole > 0; }
  // [engine thread] As FindBeginning and Empty, where decodes take up one request.
  size_t FindWholeSlices(const Request& request);
  void KeepWholeSlices(int32_t sequence);
  // [engine thread] After the tokens from `start` to `end` of a whole request were decoded.
  void CountWholeSlices(int32_t sequence, size_t start, size_t end);
  size_t Append(Work& work, size_t budget, std::vector<Slice>& slices);
  void Decode(std::vector<Slice>& slices);
  void Collect(const Slice& slice);
  void Fail(Work& work, const Error& error);
  void Finish(Work& work);
  // [engine thread] Moves a finished request out of its queue, to be published.
  Works::iterator Retire(Works& queue, Works::iterator at);
  void DropFinished();
  void Publish();

  std::atomic<bool> stop_{false};  // before the context, which is handed its address
  std::function<void()> notify_;
  const int32_t max_sequences_;
  const int32_t vocab_size_;
  int32_t capacity_ = 0;              // cells a sequence may hold
  std::unique_ptr<Context> context_;  // [engine thread] until Close, which frees it

  // [engine thread] work of each sequence in submission order; only the front is in hand.
  std::vector<Works> queues_;
  PrefixCache prefix_cache_;                                   // [engine thread]
  std::unordered_map<int32_t, SharedPrefix> shared_prefixes_;  // [engine thread] by sequence
  std::vector<Shared> shared_;                                 // [engine thread] of each sequence
  // [engine thread] Of each sequence, its first positions that a whole request of its own has computed.
  std::vector<int32_t> whole_;
  size_t next_sequence_ = 0;  // where packing starts, for fairness
  uint64_t arrivals_ = 0;
  bool passed_over_ = false;       // the oldest prefill in the last tick
  bool finished_prefill_ = false;  // in the last tick
  std::chrono::duration<double> last_decode_{0};
  Works finished_;  // [engine thread] of the tick in hand

  const Error closed_, cancelled_request_, no_memory_, not_an_exception_;

  mutable std::mutex mutex_;  // guards inbox_, cancelled_, unsaid_, outbox_, stats_, notified_
  std::condition_variable wake_;
  Works inbox_;
  std::unordered_set<uint32_t> cancelled_;
  std::vector<bool>
      unsaid_;  // sequences that are to be emptied, as there was no memory for a work that says so
  std::atomic<bool> has_unsaid_{false};
  Works outbox_;
  bool notified_ = false;
  EngineStats stats_;
  std::chrono::steady_clock::time_point decode_began_{};  // guarded by mutex_; none: no decode is in hand
  int failed_decodes_ = 0;                                // [engine thread] one after the other

  std::mutex ended_mutex_;  // guards ended_
  std::condition_variable has_ended_;
  bool ended_ = false;  // the thread has nothing more to do

  std::mutex close_mutex_;  // guards the join and what follows it
  std::thread thread_;
};

}  // namespace guard
