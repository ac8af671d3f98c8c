// Engines under many threads, over a stub of llama.cpp: queues, cancels, closes, failures, logs, loads, and the
// end of the process. `engine-races SECONDS SEED`. Compiled with a sanitizer, it shows races; by itself, that
// every request gets one answer, and the right one. Prints what was done as JSON.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/device.h"
#include "core/engine.h"
#include "core/log.h"
#include "core/model.h"
#include "core/process-exit.h"
#include "mailbox.h"
#include "stub-llama.h"

namespace {

using guard::Engine;
using guard::Failure;
using guard::Request;
using guard::Result;
using races::Expect;
using races::Mailbox;
using Clock = std::chrono::steady_clock;
using Random = std::mt19937;
using Tokens = std::vector<llama_token>;

int32_t Pick(Random& random, int32_t from, int32_t to) {
  return std::uniform_int_distribution<int32_t>(from, to)(random);
}

Tokens RandomTokens(Random& random, int32_t count) {
  Tokens tokens(static_cast<size_t>(count));
  for (llama_token& token : tokens) token = Pick(random, 0, stub::kVocabulary - 1);
  return tokens;
}

struct Counts {
  std::atomic<uint64_t> done{0}, cancelled{0}, failed{0}, closed{0}, lines{0}, loads{0};
} counts;

struct Round {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<Mailbox> mailbox;
  guard::ContextOptions options;
  Tokens shared;  // what sequence 0 holds for others to begin with
  std::atomic<uint32_t> next_id{1};
  std::atomic<bool> faulty{false}, closing{false}, over{false};
};

struct Asked {
  uint32_t id;
  Tokens text;  // all that the sequence holds then
  std::vector<int32_t> read;
  bool cancelled;
  size_t before;  // tokens that were there
  bool whole;     // says itself what the sequence is to hold
};

// True if it was decoded.
bool Judge(const Round& round, const Asked& asked, const Result& result, bool after_failure) {
  if (!result.error) {
    if (after_failure && !asked.whole) return false;  // it goes on from what the failed one left
    std::vector<float> expected;
    for (int32_t at : asked.read) {
      const auto end = asked.text.begin() + static_cast<ptrdiff_t>(asked.before) + at + 1;
      const auto digest = stub::Digest(Tokens(asked.text.begin(), end));
      expected.insert(expected.end(), digest.begin(), digest.end());
    }
    Expect(result.heads == expected, "a request was answered with what is true of other tokens");
    ++counts.done;
    return true;
  }
  const std::string& code = result.error->code();
  if (code == "ERR_ABORTED") {
    Expect(asked.cancelled, "a request was cancelled that nobody cancelled");
    ++counts.cancelled;
  } else if (code == "ERR_CLOSED") {
    Expect(round.closing, "a request failed as closed before the engine was closed");
    ++counts.closed;
  } else {
    const bool follows = code == "ERR_INTERNAL" && after_failure;
    const bool injected = (code == "ERR_DECODE" || code == "ERR_MEMORY") && round.faulty;
    Expect(follows || injected, "a request failed without reason: " + code + ", " + result.error->what());
    ++counts.failed;
  }
  return false;
}

// One caller with a sequence of its own.
void Use(Round& round, int32_t sequence, uint32_t seed) {
  Random random(seed);
  const auto capacity = static_cast<size_t>(round.options.cells) /
                        static_cast<size_t>(round.options.unified ? 1 : round.options.max_sequences);
  Tokens held;
  bool known = false;  // whether `held` is what the sequence holds
  while (!round.over) {
    std::vector<Request> requests;
    std::vector<Asked> asked;
    for (int32_t left = Pick(random, 1, 3); left > 0; --left) {
      Request request;
      request.id = round.next_id++;
      request.sequence = sequence;
      request.priority = Pick(random, 0, 1);
      const bool whole = !known || Pick(random, 0, 2) == 0 || held.size() + 40 > capacity;
      size_t before = 0;
      if (whole) {
        request.keep = guard::kWhole;
        if (!round.shared.empty() && Pick(random, 0, 1) == 0) {
          request.shared = 0;
          request.tokens = round.shared;
        } else if (Pick(random, 0, 1) == 0) {
          request.tokens.assign(held.begin(), held.begin() + Pick(random, 0, static_cast<int32_t>(held.size())));
        }
        if (request.tokens.size() + 40 > capacity) request.tokens.clear();
      } else {
        before = static_cast<size_t>(Pick(random, 0, static_cast<int32_t>(held.size())));
        request.keep = static_cast<int32_t>(before);
        held.resize(before);
      }
      const Tokens more = RandomTokens(random, Pick(random, 1, 40));
      request.tokens.insert(request.tokens.end(), more.begin(), more.end());
      if (whole) held.clear();
      held.insert(held.end(), request.tokens.begin(), request.tokens.end());
      const auto count = static_cast<int32_t>(request.tokens.size());
      for (int32_t at = Pick(random, 0, count - 1); at < count; at += Pick(random, 1, 9)) {
        request.read.push_back(at);
      }
      known = true;
      asked.push_back({request.id, held, request.read, Pick(random, 0, 9) == 0, before, whole});
      requests.push_back(std::move(request));
    }
    try {
      round.engine->Submit(std::move(requests));
    } catch (const Failure& failure) {
      Expect(failure.code() == "ERR_CLOSED" && round.closing, "a submit failed: " + failure.code());
      return;
    }
    for (const Asked& one : asked) {
      if (one.cancelled) round.engine->Cancel(one.id);
    }
    bool failed = false;
    for (const Asked& one : asked) {
      failed = !Judge(round, one, round.mailbox->Await(one.id), failed) || failed;
    }
    if (failed) known = false;
    const int32_t then = Pick(random, 0, 5);
    if (then == 0) round.engine->Release(sequence);
    if (then == 1) round.engine->ReleaseAndKeep(sequence, Pick(random, 0, static_cast<int32_t>(held.size())));
    if (then <= 1) known = false;
  }
}

void Take(Round& round) {
  while (!round.over) {
    round.mailbox->AwaitWake();
    round.mailbox->Put(round.engine->TakeResults());
  }
  round.mailbox->Put(round.engine->TakeResults());
}

// The sink's owner is gone right after it was removed.
void Listen(const std::atomic<bool>& over) {
  while (!over) {
    auto heard = std::make_unique<uint64_t>(0);
    guard::SetLogSink(heard.get(), guard::LogLevel::kInfo,
                      [heard = heard.get()](guard::LogLevel, const std::string& line) { *heard += line.size(); });
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    guard::RemoveLogSink(heard.get());
    counts.lines += *heard > 0;
  }
}

// Loads beside the engine, of which some fail and some are given up.
void Load(const std::atomic<bool>& over, uint32_t seed) {
  Random random(seed);
  while (!over) {
    guard::BusySection busy;
    guard::Model::Options options;
    const int32_t way = Pick(random, 0, 2);
    options.path = way == 1 ? "broken" : "whole";
    options.on_progress = [&](float fraction) { return way != 2 || fraction < 0.5F; };
    std::string code = "none";
    try {
      guard::Model::Load(options);
    } catch (const Failure& failure) {
      code = failure.code();
    }
    const char* expected[] = {"none", "ERR_MODEL_LOAD", "ERR_ABORTED"};
    Expect(code == expected[way] || guard::ProcessIsExiting(), "a load ended with " + code);
    ++counts.loads;
  }
}

guard::ContextOptions RandomOptions(Random& random) {
  guard::ContextOptions options;
  options.max_sequences = Pick(random, 3, 8);
  options.unified = Pick(random, 0, 1) == 0;
  options.cells = 256 * options.max_sequences;
  options.batch_size = Pick(random, options.max_sequences, 96);
  options.max_outputs = Pick(random, options.max_sequences, options.batch_size);
  options.prefill_tokens = Pick(random, 8, 64);
  options.offloads = options.unified && Pick(random, 0, 1) == 0;
  options.kept_cells = Pick(random, 0, 1) * 512;
  if (!options.unified && Pick(random, 0, 1) == 0) {
    options.alone_whole = Pick(random, 1, options.batch_size);
    options.alone_following = Pick(random, 1, 8);
  }
  return options;
}

std::unique_ptr<Round> Begin(std::shared_ptr<guard::Model> model, Random& random) {
  auto round = std::make_unique<Round>();
  round->options = RandomOptions(random);
  round->mailbox = std::make_shared<Mailbox>();
  round->engine = std::make_shared<Engine>(std::move(model), round->options,
                                           [mailbox = round->mailbox] { mailbox->Wake(); });
  if (round->options.unified) {
    round->shared = RandomTokens(random, 30);
    Request request;
    request.tokens = round->shared;
    round->engine->Submit({request});
    round->mailbox->AwaitWake();
    for (Engine::Works works; works.empty();) works = round->engine->TakeResults();
  }
  return round;
}

// An engine with its callers, closed in the middle of their work, by two threads at once.
void Play(const std::shared_ptr<guard::Model>& model, uint32_t seed) {
  Random random(seed);
  stub::faults().decode_every = 0;
  stub::faults().cells_fail_after = 0;
  std::unique_ptr<Round> round = Begin(model, random);
  const int32_t kind = Pick(random, 0, 3);
  round->faulty = kind >= 2;
  if (kind == 2) stub::faults().decode_every = static_cast<uint32_t>(Pick(random, 2, 30));
  if (kind == 3) stub::faults().cells_fail_after = static_cast<uint32_t>(Pick(random, 1, 60));

  std::vector<std::thread> users, others;
  for (int32_t sequence = 1; sequence < round->options.max_sequences; ++sequence) {
    users.emplace_back([&, sequence, user_seed = random()] { Use(*round, sequence, user_seed); });
  }
  others.emplace_back([&] { Take(*round); });
  others.emplace_back([&] {
    while (!round->over) {
      const guard::EngineStats stats = round->engine->stats();
      Expect(stats.pending < 1000, "more requests are pending than were made");
      round->engine->Cancel(0);  // of nobody
      std::this_thread::yield();
    }
  });
  others.emplace_back([&] { Listen(round->over); });
  others.emplace_back([&, load_seed = random()] { Load(round->over, load_seed); });
  std::this_thread::sleep_for(std::chrono::milliseconds(Pick(random, 1, 150)));
  round->closing = true;
  std::thread second([&] { round->engine->Close(); });
  round->engine->Close();
  for (std::thread& user : users) user.join();
  second.join();
  Expect(round->engine->stats().pending == 0, "requests are pending after the close");
  round->over = true;
  for (std::thread& other : others) other.join();
}

// Devices that drivers lost, asked for while others are.
void LoseDevices() {
  std::vector<std::thread> threads;
  for (uintptr_t i = 1; i <= 4; ++i) {
    threads.emplace_back([i] {
      auto* device = reinterpret_cast<ggml_backend_dev_t>(i * 64);
      Expect(!guard::IsLost(device), "a device is lost that works");
      guard::MarkLost(device);
      Expect(guard::IsLost(device), "a device works that is lost");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int count, char** words) {
  const double seconds = count > 1 ? std::atof(words[1]) : 5;
  const auto seed = static_cast<uint32_t>(count > 2 ? std::strtoul(words[2], nullptr, 10) : 1);
  guard::Model::Options options;
  options.path = "whole";
  const std::shared_ptr<guard::Model> model = guard::Model::Load(options);
  LoseDevices();
  uint32_t rounds = 0;
  for (const auto started = Clock::now();
       std::chrono::duration<double>(Clock::now() - started).count() < seconds || rounds < 8; ++rounds) {
    Play(model, seed + rounds);
  }
  std::printf("{\"rounds\":%u,\"done\":%llu,\"cancelled\":%llu,\"failed\":%llu,\"closed\":%llu,\"loads\":%llu}\n",
              rounds, static_cast<unsigned long long>(counts.done), static_cast<unsigned long long>(counts.cancelled),
              static_cast<unsigned long long>(counts.failed), static_cast<unsigned long long>(counts.closed),
              static_cast<unsigned long long>(counts.loads));
  std::fflush(stdout);

  // The end of the process in the middle of a decode and of a load.
  Random random(seed);
  static Round* last = Begin(model, random).release();  // never destroyed: threads use it to the end
  static std::atomic<bool> never{false};
  stub::faults().decode_every = 0;
  stub::faults().cells_fail_after = 0;
  last->faulty = last->closing = true;
  std::thread([] { Use(*last, 1, 7); }).detach();
  std::thread([] { Take(*last); }).detach();
  std::thread([] { Load(never, 8); }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::exit(0);
}
