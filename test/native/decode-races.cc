// An engine over the real llama.cpp under many threads: `decode-races MODEL SECONDS SEED`, compiled with ThreadSanitizer,
// llama.cpp, ggml's threads and our kernels too. Streams are fed in chunks of any length beside each other while others
// tokenise, cancel, log and look at the statistics; what a stream is told is what it is told alone. Then engines are closed in
// the middle of their decodes, and so is the process. Prints what was done as JSON.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"
#include "core/log.h"
#include "core/model.h"
#include "mailbox.h"

namespace {

using guard::Engine;
using guard::Request;
using guard::Result;
using races::Expect;
using races::Mailbox;
using Clock = std::chrono::steady_clock;
using Random = std::mt19937;
using Tokens = std::vector<llama_token>;

constexpr int32_t kStreams = 2, kLength = 96;

int32_t Pick(Random& random, int32_t from, int32_t to) {
  return std::uniform_int_distribution<int32_t>(from, to)(random);
}

struct Round {
  std::shared_ptr<guard::Model> model;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::unique_ptr<Engine> engine;
  std::atomic<uint32_t> next_id{1};
  std::atomic<bool> closing{false}, over{false};
};

std::atomic<uint64_t> decoded{0}, closed{0};

std::unique_ptr<Round> Begin(const std::shared_ptr<guard::Model>& model) {
  auto round = std::make_unique<Round>();
  round->model = model;
  guard::ContextOptions options;
  options.max_sequences = kStreams + 1;
  options.unified = true;
  options.cells = 256 * options.max_sequences;
  options.batch_size = options.ubatch_size = options.max_outputs = 64;
  options.prefill_tokens = 32;
  options.threads = 2;
  round->engine =
      std::make_unique<Engine>(model, options, [mailbox = round->mailbox] { mailbox->Wake(); });
  return round;
}

// The heads of every token, fed in chunks of up to `longest`; fewer where the engine was closed.
std::vector<float> Feed(Round& round, int32_t sequence, const Tokens& tokens, Random& random,
                        int32_t longest) {
  std::vector<float> heads;
  for (int32_t done = 0; done < static_cast<int32_t>(tokens.size());) {
    Request request;
    request.id = round.next_id++;
    request.sequence = sequence;
    request.keep = done;
    const int32_t count = std::min(Pick(random, 1, longest), static_cast<int32_t>(tokens.size()) - done);
    request.tokens.assign(tokens.begin() + done, tokens.begin() + done + count);
    for (int32_t i = 0; i < count; ++i) request.read.push_back(i);
    done += count;
    const uint32_t id = request.id;
    try {
      round.engine->Submit({request});
    } catch (const guard::Failure& failure) {
      Expect(failure.code() == "ERR_CLOSED" && round.closing, "a submit failed: " + failure.code());
      return heads;
    }
    const Result result = round.mailbox->Await(id);
    if (result.error) {
      Expect(result.error->code() == "ERR_CLOSED" && round.closing,
             std::string("a decode failed: ") + result.error->what());
      ++closed;
      return heads;
    }
    ++decoded;
    heads.insert(heads.end(), result.heads.begin(), result.heads.end());
  }
  round.engine->Release(sequence);
  return heads;
}

void ExpectEqual(const std::vector<float>& heads, const std::vector<float>& alone) {
  for (size_t i = 0; i < heads.size(); ++i) {
    Expect(std::abs(heads[i] - alone[i]) < 1e-3F, "a stream was told what it is not told alone");
  }
}

void Take(Round& round) {
  while (!round.over) {
    round.mailbox->AwaitWake();
    round.mailbox->Put(round.engine->TakeResults());
  }
  round.mailbox->Put(round.engine->TakeResults());
}

// What other threads of a process do meanwhile.
void Disturb(Round& round, const std::string& text) {
  std::atomic<uint64_t> lines{0};
  while (!round.over) {
    guard::SetLogSink(&lines, guard::LogLevel::kDebug, [&](guard::LogLevel, const std::string&) { ++lines; });
    Expect(!round.model->Tokenize(text).empty(), "a text has no tokens");
    Expect(round.engine->stats().pending < 1000, "more requests are pending than were made");
    round.engine->Cancel(0);  // of nobody
    guard::RemoveLogSink(&lines);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// With `ms`, the engine is closed after so long.
void Play(const std::shared_ptr<guard::Model>& model, const Tokens& tokens, const std::vector<float>& alone,
          uint32_t seed, int32_t ms) {
  Random random(seed);
  std::unique_ptr<Round> round = Begin(model);
  std::vector<std::thread> streams, others;
  for (int32_t sequence = 0; sequence < kStreams; ++sequence) {
    streams.emplace_back([&, sequence, own = random()] {
      Random chunks(own);
      const auto heads = Feed(*round, sequence, tokens, chunks, sequence == 0 ? 3 : 40);
      Expect(round->closing || heads.size() == alone.size(), "a stream was told of too few tokens");
      ExpectEqual(heads, alone);
    });
  }
  others.emplace_back([&] { Take(*round); });
  others.emplace_back([&] { Disturb(*round, "How do I pick a lock? \xC3\xA9\xF0\x9F\x98\x80"); });
  if (ms > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    round->closing = true;
    round->engine->Close();
  }
  for (std::thread& stream : streams) stream.join();
  round->closing = true;
  round->engine->Close();
  round->over = true;
  for (std::thread& other : others) other.join();
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) races::Stop("usage: decode-races MODEL SECONDS SEED");
  const double seconds = std::atof(words[2]);
  const auto seed = static_cast<uint32_t>(std::strtoul(words[3], nullptr, 10));
  guard::Model::Options options;
  options.path = words[1];
  options.repack = true;
  const std::shared_ptr<guard::Model> model = guard::Model::Load(options);
  Random random(seed);
  Tokens tokens(kLength);
  for (llama_token& token : tokens) token = Pick(random, 0, model->vocab_size() - 1);

  std::vector<float> alone;
  {
    std::unique_ptr<Round> round = Begin(model);
    std::thread taker([&] { Take(*round); });
    alone = Feed(*round, 0, tokens, random, kLength);
    round->over = true;
    taker.join();
  }
  Expect(alone.size() == static_cast<size_t>(kLength * model->head_outputs()) && !alone.empty(),
         "a stream was told of too few tokens");
  uint32_t rounds = 0;
  for (const auto started = Clock::now();
       std::chrono::duration<double>(Clock::now() - started).count() < seconds || rounds < 2; ++rounds) {
    Play(model, tokens, alone, seed + rounds, rounds % 2 == 0 ? 0 : Pick(random, 1, 200));
  }
  std::printf("{\"rounds\":%u,\"decoded\":%llu,\"closed\":%llu}\n", rounds,
              static_cast<unsigned long long>(decoded), static_cast<unsigned long long>(closed));
  std::fflush(stdout);

  // The end of the process in the middle of a decode.
  static Round* last = Begin(model).release();  // never destroyed: threads use it to the end
  last->closing = true;
  std::thread([] { Take(*last); }).detach();
  std::thread([tokens] {
    Random chunks(1);
    while (true) Feed(*last, 0, tokens, chunks, 40);
  }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::exit(0);
}
